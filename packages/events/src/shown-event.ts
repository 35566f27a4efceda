import { redactText } from '@streampool/redaction';
import type { ClusterEvent } from '@streampool/state';

/** An event as webhooks and listeners get it. */
export interface ShownEvent {
  readonly event_id: string;
  readonly event_type: string;
  /** Empty where it concerns no stream. */
  readonly stream_id: string;
  /** ISO 8601, UTC, by the store's clock. */
  readonly timestamp: string;
  readonly data: Readonly<Record<string, string | number | boolean>>;
}

/** Names that clients of other proxies know beside ours. */
const ALSO_KNOWN_AS: Readonly<Record<string, string>> = {
  ip: 'ip_address',
  bytes: 'bytes_served',
};

/** Of the event's stream, as JSON; for webhooks. */
const LABELS = 'labels';

/** How the event's stream was labelled when it happened; undefined where it had no labels, or nobody knew. */
export function labelsOf({ data }: ClusterEvent): Readonly<Record<string, string>> | undefined {
  const { [LABELS]: labels } = data;
  if (typeof labels !== 'string') return undefined;
  try {
    return JSON.parse(labels);
  } catch {
    return undefined;
  }
}

/** Free of credentials, names in snake case. */
export function showEvent({ id, type, streamId, atMs, data }: ClusterEvent): ShownEvent {
  const shown: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(data)) {
    if (name === LABELS) continue;
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    shown[ALSO_KNOWN_AS[snake] ?? snake] = typeof value === 'string' ? redactText(value) : value;
  }
  return {
    event_id: id,
    event_type: type,
    stream_id: streamId,
    timestamp: new Date(atMs).toISOString(),
    data: shown,
  };
}
