import { showEvent } from '@streampool/events';
import type { ClusterEvent } from '@streampool/state';

/** `{event_id, event_type, stream_id, timestamp, data}` as JSON in ASCII: no receiver has to guess an encoding to check the signature. */
export function eventBody(event: ClusterEvent): string {
  return asciiJson(showEvent(event));
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
