import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { StreampoolError } from '@streampool/errors';
import type { AddressJudge } from '../address-guard.ts';

/**
 * Name resolution for `net.connect` that only yields addresses the guard allows. The socket connects to exactly what
 * is yielded here, so there is no second resolution that could answer something else.
 */
export function guardedLookup(
  guard: AddressJudge,
  port: number,
  resolve: typeof lookup = lookup,
): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const found = addresses as LookupAddress[];
      if (error) return callback(error, []);
      const allowed = found.filter(({ address }) => !guard.refusal(address, port));
      const [first] = allowed;
      if (!first) {
        const refusal = found[0] && guard.refusal(found[0].address, port);
        return callback(
          refusal ?? new StreampoolError('UPSTREAM_CONNECT_FAILED', `${hostname} has no address`),
          [],
        );
      }
      if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
