import type { SlotViewer } from '@streampool/state';

const RANDOM = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/**
 * Whether two viewers are the same person at the same player, so that the one gives up its slot for the other. An id that
 * players choose decides; else the user name, where both have one; else address and user agent together. Ids that this
 * server made up say nothing.
 */
export function isSamePlayer(a: SlotViewer, b: SlotViewer): boolean {
  if (a.clientId === b.clientId) return true;
  if (!RANDOM.test(a.clientId) && !RANDOM.test(b.clientId)) return false;
  if (a.username !== undefined || b.username !== undefined) return a.username === b.username;
  return a.ip === b.ip && a.userAgent === b.userAgent;
}
