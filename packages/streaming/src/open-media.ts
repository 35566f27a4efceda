import {
  mediaRefusal,
  type PeekedBody,
  peekBody,
  statusRefusal,
  type UpstreamClient,
  type UpstreamResponse,
  type UpstreamTarget,
  type UpstreamTimeouts,
} from '@streampool/upstream';

/** Enough to recognise a page, a playlist, or five transport packets of any size. */
const PEEK_BYTES = 1_500;

export interface OpenedMedia {
  readonly response: UpstreamResponse;
  /** Its first bytes, and the way to the rest. Reading is held until `attach`. */
  readonly body: PeekedBody;
}

/**
 * Opens a target and makes sure that media comes, not an error page.
 * @throws StreampoolError UPSTREAM_*; nothing is left open then
 */
export async function openMedia(
  client: UpstreamClient,
  target: UpstreamTarget,
  options: { timeouts: UpstreamTimeouts; paceMs: number; signal: AbortSignal; fresh?: boolean },
): Promise<OpenedMedia> {
  const { timeouts, paceMs, signal, fresh = false } = options;
  const response = await client.open(target, { timeouts, signal, fresh });
  try {
    const refusal = statusRefusal(response);
    if (refusal) throw refusal;
    const body = await peekBody(response, {
      enough: (start) => start.length >= PEEK_BYTES,
      timeoutMs: timeouts.firstByteMs,
      paceMs,
      signal,
    });
    const notMedia = mediaRefusal(response.headers['content-type'], body.start);
    if (notMedia) throw notMedia;
    return { response, body };
  } catch (error) {
    response.close();
    await response.closed;
    throw error;
  }
}
