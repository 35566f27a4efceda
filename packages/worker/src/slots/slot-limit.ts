import { StreampoolError } from '@streampool/errors';
import type { ProviderRecord, SlotRecord } from '@streampool/state';

const RETRY_AFTER_SECONDS = 2;

/** Why there is no connection, in words that an operator can act on. */
export function providerLimit(provider: ProviderRecord, slots: readonly SlotRecord[]): StreampoolError {
  const { id, maxConnections } = provider;
  const streams = new Set(slots.map(({ streamId }) => streamId)).size;
  const use =
    maxConnections === 0
      ? 'allows no connections (max_connections is 0)'
      : `has all its ${maxConnections} connections in use, by ${count(streams, 'stream')}`;
  return new StreampoolError('PROVIDER_LIMIT', `The provider ${id} ${use}; GET /providers lists them`, {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    info: { provider: id, maxConnections, inUse: slots.length },
  });
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
