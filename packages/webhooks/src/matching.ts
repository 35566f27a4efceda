import type { ClusterEvent, WebhookRecord } from '@streampool/state';

/** Metadata of the event's stream; undefined where the stream is not known any more. */
type Metadata = Readonly<Record<string, string>> | undefined;

/** Whether a webhook wants to be told of an event. */
export function isMeant(webhook: WebhookRecord, event: ClusterEvent, metadata: Metadata): boolean {
  // It is told what happens from its creation on, by the store's own clock.
  if (event.atMs < webhook.createdAtMs) return false;
  if (webhook.events.length > 0 && !webhook.events.includes(event.type)) return false;
  if (webhook.streamId !== undefined && webhook.streamId !== event.streamId) return false;
  const wanted = Object.entries(webhook.metadata ?? {});
  if (wanted.length === 0) return true;
  return metadata !== undefined && wanted.every(([field, value]) => metadata[field] === value);
}
