import type { ClusterEvent } from '@streampool/state';

/** Something to be told to somebody who gave an address for it once: the end of a programme, not an event of the cluster. */
export interface Callback {
  readonly url: string;
  /** JSON. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** One thing to be told to one receiver. */
export type Delivery =
  | {
      readonly id: string;
      readonly webhookId: string;
      readonly event: ClusterEvent;
      /** What the event's stream is labelled with; absent where nobody knows any more. */
      readonly metadata?: Readonly<Record<string, string>>;
    }
  | { readonly id: string; readonly callback: Callback };

/** The same event for the same webhook is the same delivery, whoever finds that it is due. */
export function deliveryId(webhookId: string, eventId: string): string {
  return `${webhookId}.${eventId}`;
}
