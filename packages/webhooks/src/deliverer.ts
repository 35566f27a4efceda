import type { Attempt } from '@streampool/jobs';
import type { ClusterState, WebhookRecord } from '@streampool/state';
import type { Logger } from 'pino';
import { callbackBody, eventBody } from './body.ts';
import type { Callback, Delivery } from './delivery.ts';
import type { WebhookSender } from './sender.ts';

/** `retried`: it failed and will be tried again. `dead`: it failed for the last time. `gone`: nobody wants it any more. */
export type DeliveryOutcome = 'delivered' | 'retried' | 'dead' | 'gone';

export interface DelivererOptions {
  readonly state: Pick<ClusterState, 'listWebhooks' | 'keepDeadLetter'>;
  readonly sender: WebhookSender;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  readonly onOutcome?: (outcome: DeliveryOutcome, ms: number) => void;
  readonly now?: () => number;
}

/** Of callbacks, which have no settings of their own; ms. */
const CALLBACK_TIMEOUT_MS = 10_000;
/** How long what webhooks say is believed without asking again, ms. */
const BELIEVED_MS = 1_000;

/** Makes one attempt at a delivery: what a queue of tasks calls. */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #now: () => number;
  #webhooks: { readonly asked: Promise<WebhookRecord[]>; readonly atMs: number } | undefined;

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** @throws what went wrong: it is to be tried again. After the last attempt it is a dead letter, and nothing is thrown. */
  readonly attempt = async (delivery: Delivery, how: Attempt): Promise<void> => {
    if ('callback' in delivery) return this.#call(delivery.id, delivery.callback, how);
    const { id, webhookId, event, metadata } = delivery;
    const webhook = await this.#find(webhookId);
    if (!webhook) {
      this.#options.onOutcome?.('gone', 0);
      return;
    }
    await this.#try(
      how,
      id,
      () => this.#options.sender.send(webhook, eventBody(event, metadata), how.signal),
      (error) => this.#options.state.keepDeadLetter({ id, webhookId, event, attempts: how.attempts, error }),
    );
  };

  async #call(id: string, { url, body }: Callback, how: Attempt): Promise<void> {
    const receiver = { url, headers: {}, timeoutMs: CALLBACK_TIMEOUT_MS };
    await this.#try(
      how,
      id,
      () => this.#options.sender.send(receiver, callbackBody(body), how.signal),
      async () => {},
    );
  }

  async #try(
    { attempt, attempts, signal }: Attempt,
    delivery: string,
    send: () => Promise<number>,
    bury: (error: string) => Promise<void>,
  ): Promise<void> {
    const { log, onOutcome } = this.#options;
    const startedMs = this.#now();
    try {
      await send();
      onOutcome?.('delivered', this.#now() - startedMs);
    } catch (error) {
      // Whoever closes has not been refused by anybody.
      if (signal.aborted) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const isLast = attempt >= attempts;
      onOutcome?.(isLast ? 'dead' : 'retried', this.#now() - startedMs);
      if (!isLast) throw error;
      log.warn({ delivery, attempts, reason }, 'a webhook was not taken, and is a dead letter now');
      await bury(reason);
    }
  }

  /** That a webhook is there is believed for a while. That it is not, is asked: it may be younger than what is believed. */
  async #find(webhookId: string): Promise<WebhookRecord | undefined> {
    const isIt = ({ id }: WebhookRecord): boolean => id === webhookId;
    return (await this.#list(BELIEVED_MS)).find(isIt) ?? (await this.#list(0)).find(isIt);
  }

  /** One question for all that are delivered at the same time. */
  #list(believedMs: number): Promise<WebhookRecord[]> {
    const now = this.#now();
    if (!this.#webhooks || now - this.#webhooks.atMs >= believedMs) {
      const asked = this.#options.state.listWebhooks();
      this.#webhooks = { asked, atMs: now };
      asked.catch(() => {
        this.#webhooks = undefined;
      });
    }
    return this.#webhooks.asked;
  }
}
