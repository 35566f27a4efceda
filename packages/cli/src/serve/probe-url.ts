import type { ProbeUrl } from '@streampool/gateway';
import type { UpstreamClient, UpstreamTimeouts } from '@streampool/upstream';

/** Asks for a URL as the data plane would (same guard, same limits), and reads no further than the head of the answer. */
export function urlProbe(client: UpstreamClient, timeouts: UpstreamTimeouts, userAgent: string): ProbeUrl {
  return async (url) => {
    const response = await client.open({ url, headers: {}, userAgent }, { timeouts });
    response.close();
    return { status: response.status };
  };
}
