import { hkdfSync } from 'node:crypto';
import type { ViewerRedirect } from '@streampool/gateway';
import type { ClusterState, WorkerRecord } from '@streampool/state';
import { ViewerPlacement } from '@streampool/worker';

/** A worker that cannot say within this time that it lives is none to send a player to, ms. */
const ANSWER_MS = 1_000;

/** `EDGE_MODE=redirect`: viewers go to the worker that plays their stream, or will. */
export function viewerRedirect(state: ClusterState, leaseMs: number): ViewerRedirect {
  return new ViewerPlacement({ state, leaseMs, answers });
}

/** By its address for other nodes: that for players may be another network's. */
async function answers({ url }: WorkerRecord): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(ANSWER_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * Signs redirects where there is no STREAM_URL_SECRET: a key of its own, derived (RFC 5869) from the token that all nodes
 * share, so that an address which players see tells nothing about that token.
 */
export function redirectSecret(internalToken: string): string {
  return Buffer.from(hkdfSync('sha256', internalToken, '', 'streampool viewer redirect', 32)).toString('hex');
}
