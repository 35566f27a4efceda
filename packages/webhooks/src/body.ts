import { showEvent } from '@streampool/events';
import type { ClusterEvent } from '@streampool/state';

/**
 * `{event_id, event_type, stream_id, timestamp, data}` as JSON in ASCII: no receiver has to guess an encoding to check the
 * signature. `metadata`: of the event's stream, free of credentials; receivers go by their own labels.
 */
export function eventBody(event: ClusterEvent, metadata?: Readonly<Record<string, string>>): string {
  const shown = showEvent(event);
  return asciiJson(metadata ? { ...shown, data: { ...shown.data, metadata } } : shown);
}

export function callbackBody(data: Readonly<Record<string, unknown>>): string {
  return asciiJson(data);
}

function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
