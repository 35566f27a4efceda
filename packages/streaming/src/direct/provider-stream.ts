import type { IncomingMessage } from 'node:http';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { isPlaylist } from '@streampool/hls';
import {
  canJudge,
  mediaRefusal,
  type PeekedBody,
  peekBody,
  ResumableResponse,
  type ResumePolicy,
  resourceKind,
  type UpstreamClient,
  type UpstreamResponse,
  type UpstreamTarget,
  type UpstreamTimeouts,
} from '@streampool/upstream';
import type { StreamSpec } from '../engine-api.ts';
import { type AnswerPlan, planAnswer, unsatisfiable } from './answer-plan.ts';
import { formatRange, isWholeRange, parseRange } from './byte-range.ts';
import { within } from './deadline.ts';
import type { DirectSources } from './direct-sources.ts';
import { providerRefusal } from './provider-refusal.ts';

export interface ProviderTimeouts extends UpstreamTimeouts {
  /** A provider that sends nothing for this long, while the viewer would take it, is given up; ms. */
  readonly stallMs: number;
  /** The same for a transport stream, which another connection can go on with; `stallMs` by default. */
  readonly silenceMs?: number;
  /** All of the opening, redirects, first byte and failover URLs included; ms. `connectMs + firstByteMs` by default. */
  readonly openMs?: number;
  /** How a broken file is continued. */
  readonly resume?: ResumePolicy;
}

export interface OpenStreamOptions {
  readonly client: UpstreamClient;
  readonly timeouts: ProviderTimeouts;
  readonly paceMs: number;
  readonly onBreak?: (error: StreampoolError) => void;
}

/** URLs that are named, and refused, before a viewer is told so. */
const MOST_NAMED = 4;

/** A provider's answer that will be played, and the viewer's answer made of it. */
export interface OpenedStream {
  readonly response: UpstreamResponse;
  readonly plan: AnswerPlan;
  readonly body: Pick<PeekedBody, 'attach'>;
  readonly failoverIndex: number;
}

/**
 * Asks the provider for what the viewer asked for, and waits for the first byte of media. URLs are tried in order, the
 * failover URLs after the primary one, then what the resolver names, each within its share of the time; what is thrown is
 * the first URL's reason.
 */
export async function openStream(
  spec: Pick<StreamSpec, 'target' | 'contentType'>,
  sources: Pick<DirectSources, 'configured' | 'urlOf' | 'next' | 'hasResolver'>,
  req: IncomingMessage,
  options: OpenStreamOptions,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const { configured } = sources;
  const urls = Array.from({ length: configured }, (_, index) => sources.urlOf(index));
  const deadline = performance.now() + openingMs(options.timeouts);
  const tried = new Set<number>();
  let reason: unknown;
  let next: number | undefined = 0;
  while (next !== undefined && !tried.has(next) && tried.size < configured + MOST_NAMED) {
    const index: number = next;
    const url = sources.urlOf(index);
    const target = { ...spec.target, url };
    tried.add(index);
    // Each of those that follow has as much; who may yet be named counts as one.
    const others = Math.max(0, configured - 1 - index) + Number(sources.hasResolver);
    const share = Math.max(0, deadline - performance.now()) / (1 + others);
    try {
      const opened = await within(share, signal, (late) =>
        openUrl(
          target,
          { contentType: spec.contentType, copies: urls.filter((other) => other !== url) },
          req,
          options,
          late,
        ),
      );
      return { ...opened, failoverIndex: index };
    } catch (error) {
      if (signal.aborted || !isStreampoolError(error)) throw error;
      reason ??= error;
      const hasFollowing = index + 1 < configured;
      next = hasFollowing ? index + 1 : await sources.next({ index, error });
      // The resolver may have taken all the time that there was.
      if (performance.now() >= deadline) break;
    }
  }
  throw reason;
}

/** How long a viewer waits for an answer at the most, in ms. */
export function openingMs(timeouts: ProviderTimeouts): number {
  return timeouts.openMs ?? timeouts.connectMs + timeouts.firstByteMs;
}

async function openUrl(
  target: UpstreamTarget,
  { contentType, copies }: { contentType: string; copies: readonly string[] },
  req: IncomingMessage,
  options: OpenStreamOptions,
  signal: AbortSignal,
): Promise<Omit<OpenedStream, 'failoverIndex'>> {
  const { client, timeouts, paceMs, onBreak } = options;
  const range = parseRange(req.headers.range);
  // Players ask for `bytes=0-` as a matter of course; live providers answer that with errors or nonsense.
  const forwarded =
    range && (!isWholeRange(range) || resourceKind(target.url) === 'file') ? range : undefined;
  const ifRange = range && typeof req.headers['if-range'] === 'string' ? req.headers['if-range'] : undefined;
  const response = await ResumableResponse.open(
    client,
    {
      ...target,
      ...(forwarded ? { range: formatRange(forwarded) } : {}),
      ...(forwarded && ifRange ? { ifRange } : {}),
    },
    {
      timeouts,
      signal,
      copies,
      ...(timeouts.resume ? { policy: timeouts.resume } : {}),
      ...(onBreak ? { onBreak } : {}),
    },
  );
  try {
    if (response.status === 416 && range) {
      return { response, plan: unsatisfiable(response.headers['content-range']), body: { attach: () => {} } };
    }
    const refusal = providerRefusal(response);
    if (refusal) throw refusal;
    const plan = planAnswer({ range, conditional: ifRange !== undefined, contentType }, response);
    const emptyFile = response.contentLength === 0 && resourceKind(target.url) === 'file';
    const body = await peekMedia(response, { timeouts, paceMs }, signal, emptyFile);
    return { response, plan, body };
  } catch (error) {
    response.close();
    await response.closed;
    throw error;
  }
}

/**
 * Opens another source for a viewer who has been watching a continuous one.
 * @throws StreampoolError UPSTREAM_*; nothing is left open then
 */
export async function openContinuous(
  target: UpstreamTarget,
  { client, timeouts, paceMs }: OpenStreamOptions,
  signal: AbortSignal,
  { fresh = false } = {},
): Promise<Pick<OpenedStream, 'response' | 'body'>> {
  const response = await client.open(target, { timeouts, signal, fresh });
  try {
    const refusal = providerRefusal(response);
    if (refusal) throw refusal;
    if (response.contentLength !== undefined)
      throw new StreampoolError('UPSTREAM_NOT_MEDIA', 'The provider sent a file in place of a live stream');
    return { response, body: await peekMedia(response, { timeouts, paceMs }, signal) };
  } catch (error) {
    response.close();
    await response.closed;
    throw error;
  }
}

/** Waits for the first bytes, and makes sure that they are media. @throws StreampoolError UPSTREAM_* */
async function peekMedia(
  response: UpstreamResponse,
  { timeouts, paceMs }: Pick<OpenStreamOptions, 'timeouts' | 'paceMs'>,
  signal: AbortSignal,
  mayBeEmpty = false,
): Promise<PeekedBody> {
  const body = await peekBody(response, {
    enough: canJudge,
    timeoutMs: timeouts.firstByteMs,
    paceMs: response.contentLength === undefined ? paceMs : 0,
    stallMs: timeouts.stallMs,
    signal,
  });
  if (isPlaylist(response.headers['content-type'], body.start, response.url)) {
    // Its relative addresses would lead nowhere, its absolute ones would hand the provider's login to the viewer.
    throw new StreampoolError(
      'UPSTREAM_NOT_MEDIA',
      'The provider sent an HLS playlist, which is not one stream',
      { info: { playlist: true } },
    );
  }
  const notMedia = mayBeEmpty ? undefined : mediaRefusal(response.headers['content-type'], body.start);
  if (notMedia) throw notMedia;
  return body;
}
