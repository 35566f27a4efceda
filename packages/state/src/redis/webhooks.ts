import type { DeadLetter, DispatchTurn, NewWebhook, WebhookRecord, WebhookState } from '../webhooks.ts';
import type { Connection } from './connection.ts';

/** Webhooks in Redis: see scripts/include/webhooks.lua for the keys. */
export class Webhooks implements WebhookState {
  readonly #redis: Connection;

  constructor(redis: Connection) {
    this.#redis = redis;
  }

  async putWebhook(webhook: NewWebhook): Promise<WebhookRecord> {
    const createdAtMs = await this.#redis.run('put-webhook', webhook.id, JSON.stringify(webhook));
    return { ...webhook, createdAtMs: createdAtMs as number };
  }

  async listWebhooks(): Promise<WebhookRecord[]> {
    const rows = await this.#redis.command((redis) => redis.hvals(`${this.#redis.prefix}webhooks`));
    return rows
      .map((row): WebhookRecord => {
        const [webhook, createdAtMs] = JSON.parse(row) as [NewWebhook, number];
        return { ...webhook, createdAtMs };
      })
      .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
  }

  async removeWebhook(webhookId: string): Promise<boolean> {
    return (await this.#redis.run('remove-webhook', webhookId)) === 1;
  }

  async takeDispatch(turn: { by: string; leaseMs: number; reached?: string }): Promise<DispatchTurn> {
    const { by, leaseMs, reached = '' } = turn;
    const [granted, known] = (await this.#redis.run('take-dispatch', by, leaseMs, reached)) as [
      number,
      string,
    ];
    return { granted: granted === 1, reached: known };
  }

  async leaveDispatch(by: string): Promise<void> {
    await this.#redis.run('leave-dispatch', by);
  }

  async keepDeadLetter(letter: Omit<DeadLetter, 'failedAtMs'>): Promise<void> {
    await this.#redis.run('keep-dead-letter', letter.id, JSON.stringify(letter));
  }

  async listDeadLetters({ webhookId }: { webhookId?: string } = {}): Promise<DeadLetter[]> {
    const rows = await this.#redis.command((redis) => redis.hvals(this.#lettersKey));
    return rows
      .map(toLetter)
      .filter((letter) => webhookId === undefined || letter.webhookId === webhookId)
      .sort((a, b) => b.failedAtMs - a.failedAtMs);
  }

  async getDeadLetter(id: string): Promise<DeadLetter | undefined> {
    const row = await this.#redis.command((redis) => redis.hget(this.#lettersKey, id));
    return row === null ? undefined : toLetter(row);
  }

  async removeDeadLetter(id: string): Promise<boolean> {
    return (await this.#redis.run('remove-dead-letter', id)) === 1;
  }

  get #lettersKey(): string {
    return `${this.#redis.prefix}webhooks:dead-letters`;
  }
}

function toLetter(row: string): DeadLetter {
  const [letter, failedAtMs] = JSON.parse(row) as [Omit<DeadLetter, 'failedAtMs'>, number];
  return { ...letter, failedAtMs };
}
