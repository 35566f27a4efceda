import type { ClusterEvent, WebhookRecord } from '@streampool/state';

/** Metadata of the event's stream; undefined where the stream is not known any more. */
type Metadata = Readonly<Record<string, string>> | undefined;

/** Whether a webhook wants to be told of an event. */
export function isMeant(webhook: WebhookRecord, event: ClusterEvent, metadata: Metadata): boolean {
  return concerns(webhook, event) && hasLabels(webhook, metadata);
}

/** The same, as far as it can be told without the metadata of the event's stream. */
export function concerns(webhook: WebhookRecord, event: ClusterEvent): boolean {
  // It is told what happens from its creation on, by the store's own clock.
  if (event.atMs < webhook.createdAtMs) return false;
  if (webhook.events.length > 0 && !webhook.events.includes(event.type)) return false;
  return webhook.streamId === undefined || webhook.streamId === event.streamId;
}

function hasLabels(webhook: WebhookRecord, metadata: Metadata): boolean {
  const wanted = Object.entries(webhook.metadata ?? {});
  if (wanted.length === 0) return true;
  return metadata !== undefined && wanted.every(([field, value]) => metadata[field] === value);
}
