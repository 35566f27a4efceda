import type { StatementSync } from 'node:sqlite';
import { LIMITS } from '../limits.ts';
import type { DeadLetter, DispatchTurn, NewWebhook, WebhookRecord } from '../webhooks.ts';
import type { Connection } from './connection.ts';

interface LetterRow {
  readonly letter: string;
  readonly failed_at_ms: number;
}

interface DispatchRow {
  readonly holder: string;
  readonly until_ms: number;
  readonly reached: string;
}

/** Webhooks, whose turn it is to hand events to them, and dead letters. See redis/scripts/take-dispatch.lua, which does the same. */
export class WebhooksTable {
  readonly #put: StatementSync;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #remove: StatementSync;
  readonly #removeLetters: StatementSync;
  readonly #dispatch: StatementSync;
  readonly #putDispatch: StatementSync;
  readonly #leaveDispatch: StatementSync;
  readonly #putLetter: StatementSync;
  readonly #trimLetters: StatementSync;
  readonly #letters: StatementSync;
  readonly #letter: StatementSync;
  readonly #removeLetter: StatementSync;

  constructor(connection: Connection) {
    this.#put = connection.prepare('INSERT OR REPLACE INTO webhooks VALUES ($id, $record, $createdAtMs)');
    this.#get = connection.prepare('SELECT created_at_ms FROM webhooks WHERE id = $id');
    this.#list = connection.prepare('SELECT record, created_at_ms FROM webhooks ORDER BY created_at_ms, id');
    this.#remove = connection.prepare('DELETE FROM webhooks WHERE id = $id');
    this.#removeLetters = connection.prepare('DELETE FROM dead_letters WHERE webhook_id = $id');
    this.#dispatch = connection.prepare('SELECT holder, until_ms, reached FROM webhook_dispatch');
    this.#putDispatch = connection.prepare(
      'INSERT OR REPLACE INTO webhook_dispatch VALUES (1, $holder, $until, $reached)',
    );
    this.#leaveDispatch = connection.prepare(
      "UPDATE webhook_dispatch SET holder = '', until_ms = 0 WHERE holder = $by",
    );
    this.#putLetter = connection.prepare(
      'INSERT OR REPLACE INTO dead_letters (id, webhook_id, letter, failed_at_ms) VALUES ($id, $webhookId, $letter, $now)',
    );
    this.#trimLetters = connection.prepare(
      `DELETE FROM dead_letters WHERE rowid IN
         (SELECT rowid FROM dead_letters ORDER BY failed_at_ms DESC, rowid DESC LIMIT -1 OFFSET ${LIMITS.deadLetters})`,
    );
    this.#letters = connection.prepare(
      `SELECT letter, failed_at_ms FROM dead_letters WHERE $webhookId = '' OR webhook_id = $webhookId
       ORDER BY failed_at_ms DESC, rowid DESC`,
    );
    this.#letter = connection.prepare('SELECT letter, failed_at_ms FROM dead_letters WHERE id = $id');
    this.#removeLetter = connection.prepare('DELETE FROM dead_letters WHERE id = $id');
  }

  put(webhook: NewWebhook, now: number): WebhookRecord {
    const known = this.#get.get({ id: webhook.id }) as { created_at_ms: number } | undefined;
    const createdAtMs = known?.created_at_ms ?? now;
    this.#put.run({ id: webhook.id, record: JSON.stringify(webhook), createdAtMs });
    return { ...webhook, createdAtMs };
  }

  list(): WebhookRecord[] {
    const rows = this.#list.all() as unknown as { record: string; created_at_ms: number }[];
    return rows.map((row) => ({ ...JSON.parse(row.record), createdAtMs: row.created_at_ms }));
  }

  remove(id: string): boolean {
    this.#removeLetters.run({ id });
    return this.#remove.run({ id }).changes > 0;
  }

  take(turn: { by: string; leaseMs: number; reached?: string }, now: number): DispatchTurn {
    const { by, leaseMs, reached } = turn;
    if (this.#list.get() === undefined) return { granted: false, reached: '' };
    const row = this.#dispatch.get() as DispatchRow | undefined;
    const held = row !== undefined && row.until_ms > now;
    if (held && row.holder !== by) return { granted: false, reached: '' };
    const known = row?.reached ?? '';
    const next = row?.holder === by && reached !== undefined ? reached : known;
    this.#putDispatch.run({ holder: by, until: now + leaseMs, reached: next });
    return { granted: true, reached: next };
  }

  leave(by: string): void {
    this.#leaveDispatch.run({ by });
  }

  keepLetter(letter: Omit<DeadLetter, 'failedAtMs'>, now: number): void {
    const { id, webhookId } = letter;
    this.#putLetter.run({ id, webhookId, letter: JSON.stringify(letter), now });
    this.#trimLetters.run();
  }

  letters({ webhookId = '' }: { webhookId?: string }): DeadLetter[] {
    return (this.#letters.all({ webhookId }) as unknown as LetterRow[]).map(toLetter);
  }

  letter(id: string): DeadLetter | undefined {
    const row = this.#letter.get({ id }) as LetterRow | undefined;
    return row && toLetter(row);
  }

  removeLetter(id: string): boolean {
    return this.#removeLetter.run({ id }).changes > 0;
  }
}

function toLetter(row: LetterRow): DeadLetter {
  return { ...JSON.parse(row.letter), failedAtMs: row.failed_at_ms };
}
