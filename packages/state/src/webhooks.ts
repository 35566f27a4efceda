import type { ClusterEvent, EventType } from './records.ts';

/** Who is told what. Holds a secret and maybe credentials (URL, headers): never shown as it is. */
export interface WebhookRecord {
  readonly id: string;
  readonly url: string;
  /** Empty: all types. */
  readonly events: readonly EventType[];
  readonly headers: Readonly<Record<string, string>>;
  /** The longest one attempt may take, ms. */
  readonly timeoutMs: number;
  /** Further attempts after the first one has failed. */
  readonly retryAttempts: number;
  /** Bodies are signed with it. */
  readonly secret: string;
  /** Only events of this stream. */
  readonly streamId?: string;
  /** Only events of streams that have all of these in their metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** It is told what happened from here on. Set by the store. */
  readonly createdAtMs: number;
}

export type NewWebhook = Omit<WebhookRecord, 'createdAtMs'>;

/** What could not be delivered, as often as it was tried. */
export interface DeadLetter {
  /** Of the delivery: names a webhook and an event. */
  readonly id: string;
  readonly webhookId: string;
  readonly event: ClusterEvent;
  readonly attempts: number;
  /** Free of credentials. */
  readonly error: string;
  /** Set by the store. */
  readonly failedAtMs: number;
}

/** Whether the caller is the one who hands events to webhooks now. */
export interface DispatchTurn {
  readonly granted: boolean;
  /** Granted: everything up to this event has been handed on; '' where nothing was yet. */
  readonly reached: string;
}

/** Webhooks, who of all nodes hands events to them, and what they did not take. */
export interface WebhookState {
  /** Keeps it; the same id again replaces all but `createdAtMs`. */
  putWebhook(webhook: NewWebhook): Promise<WebhookRecord>;
  /** In the order of their creation. */
  listWebhooks(): Promise<WebhookRecord[]>;
  /** With its dead letters. False if there is none. */
  removeWebhook(webhookId: string): Promise<boolean>;

  /**
   * Takes or renews the right to hand events on, for `leaseMs`. Granted to one at a time, and to nobody while there are no
   * webhooks. `by` names a life of a process. `reached`: how far the caller has come; believed only while the right was its own.
   */
  takeDispatch(turn: { by: string; leaseMs: number; reached?: string }): Promise<DispatchTurn>;
  /** Lets others have it at once. Does nothing to what somebody else has. */
  leaveDispatch(by: string): Promise<void>;

  /** The newest 1,000 are kept. The same id again replaces it. */
  keepDeadLetter(letter: Omit<DeadLetter, 'failedAtMs'>): Promise<void>;
  /** Newest first. */
  listDeadLetters(filter?: { webhookId?: string }): Promise<DeadLetter[]>;
  getDeadLetter(id: string): Promise<DeadLetter | undefined>;
  removeDeadLetter(id: string): Promise<boolean>;
}
