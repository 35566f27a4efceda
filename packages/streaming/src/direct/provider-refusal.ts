import { StreampoolError } from '@streampool/errors';
import { statusRefusal, type UpstreamResponse } from '@streampool/upstream';

const LONGEST_RETRY_SECONDS = 3_600;

/**
 * Why a provider's answer cannot be played, by its status. The viewer sees 502 whatever the provider said, because 404
 * would mean that the stream's id is unknown and 401 that the viewer's login is wrong; the provider's own status is in
 * `info` and in the message. When the provider names a time to come back, the viewer is told.
 */
export function providerRefusal(
  response: Pick<UpstreamResponse, 'status' | 'headers'>,
): StreampoolError | undefined {
  const refusal = statusRefusal(response);
  if (!refusal) return undefined;
  const seconds = Number(response.headers['retry-after']);
  if (!Number.isInteger(seconds) || seconds <= 0) return refusal;
  return new StreampoolError('UPSTREAM_STATUS', refusal.message, {
    info: refusal.info,
    retryAfterSeconds: Math.min(seconds, LONGEST_RETRY_SECONDS),
  });
}
