import { StreampoolError } from '@streampool/errors';
import { statusRefusal, type UpstreamResponse } from '@streampool/upstream';

/**
 * Why a provider's answer cannot be played, by its status. The viewer's own status is chosen for what players do with
 * it: 404 lets them go on to the next item, 503 lets them come back; everything else is the provider's trouble (502).
 * A provider's 401 or 403 is not the viewer's login, so it is never shown as such.
 */
export function providerRefusal(
  response: Pick<UpstreamResponse, 'status' | 'headers'>,
): StreampoolError | undefined {
  const refusal = statusRefusal(response);
  if (!refusal) return undefined;
  const { message, info } = refusal;
  if (response.status === 404 || response.status === 410) {
    return new StreampoolError('UPSTREAM_STATUS', message, { info, status: 404 });
  }
  if (response.status !== 429 && response.status !== 503 && response.status !== 509) return refusal;
  const seconds = Number(response.headers['retry-after']);
  return new StreampoolError('UPSTREAM_STATUS', message, {
    info,
    status: 503,
    ...(Number.isInteger(seconds) && seconds > 0 ? { retryAfterSeconds: Math.min(seconds, 3600) } : {}),
  });
}
