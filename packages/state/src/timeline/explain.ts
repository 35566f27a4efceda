import type { EventType } from '../records.ts';
import type { EntryData, TimelineEntry } from './entry.ts';

/** Where to look for the reason. */
export type Cause = 'upstream' | 'encoder' | 'viewer' | 'cluster' | 'operator' | 'provider';

export interface Explanation {
  readonly cause: Cause;
  /** A sentence for people, without credentials as long as the entry has none. */
  readonly detail: string;
}

type Explain = (data: EntryData, entry: TimelineEntry) => readonly [Cause, string];

/** What an entry says to somebody who asks "why did it buffer?". Pure; of types that are not known here it says their names. */
export function explain(entry: TimelineEntry): Explanation {
  const known = SENTENCES[entry.type as keyof typeof SENTENCES] as Explain | undefined;
  const [cause, sentence] = known?.(entry.data, entry) ?? [
    causeOf(entry.data.code ?? entry.data.reason),
    `${capital(String(entry.type).replaceAll('_', ' '))}.`,
  ];
  if (entry.count === 1) return { cause, detail: sentence };
  return { cause, detail: `${sentence.replace(/\.$/, '')} (${entry.count} times).` };
}

const SENTENCES: { readonly [K in EventType]?: Explain } = {
  stream_started: () => ['viewer', 'Somebody wanted to watch, and the first picture came.'],
  stream_stopped: ({ reason = '' }) => [stopCause(String(reason)), `The stream was stopped: ${reason}.`],
  stream_failed: ({ reason, error }) => [
    causeOf(reason),
    `The stream failed and its viewers were sent away: ${error ?? reason} (${reason}).`,
  ],
  source_lost: ({ code, detail, index }, { clientId }) => [
    causeOf(code),
    `${lostWhat(code, index, clientId)} was lost: ${detail} (${code}).`,
  ],
  source_faulty: ({ code, detail, index }) => [
    causeOf(code),
    `${capital(source(index))} sends nothing worth watching: ${detail} (${code}).`,
  ],
  source_refused: ({ code, detail, index }) => [
    causeOf(code),
    `${capital(source(index))} could not be played: ${detail} (${code}).`,
  ],
  source_gap: ({ gapMs, index }) => [
    'upstream',
    `${capital(source(index))} sent nothing for ${time(gapMs)} and went on by itself.`,
  ],
  source_switched: (data) => [causeOf(data.reason), `${switched(data)}.`],
  failover_triggered: (data) => [causeOf(data.reason), `${switched(data)}.`],
  encoder_gap: ({ gapMs }) => [
    'encoder',
    `FFmpeg put out nothing for ${time(gapMs)} although it had something to read.`,
  ],
  encoder_slow: ({ speed }) => [
    'encoder',
    `FFmpeg is too slow: ${speed} times real time, so pictures come later than they are played.`,
  ],
  encoder_recovered: ({ slowMs, speed }) => [
    'encoder',
    `FFmpeg is fast enough again (${speed} times real time) after ${time(slowMs)}.`,
  ],
  client_connected: ({ userAgent, clientId }, entry) => [
    'viewer',
    entry.clientId === undefined
      ? `A viewer came${clientId === undefined || entry.count > 1 ? '' : ` (${clientId})`}.`
      : `The viewer came${userAgent === undefined ? '' : ` with ${userAgent}`}.`,
  ],
  client_disconnected: ({ reason, durationMs, clientId }, entry) => {
    const [cause, why] = DETACHED[String(reason)] ?? (['viewer', String(reason)] as const);
    const who =
      entry.clientId !== undefined
        ? 'The viewer'
        : clientId === undefined || entry.count > 1
          ? 'A viewer'
          : `A viewer (${clientId})`;
    const after =
      entry.clientId === undefined || durationMs === undefined ? '' : ` after ${time(durationMs)}`;
    return [cause, `${who} went${after}: ${why}.`];
  },
  viewer_blocked: ({ blockedMs }, { clientId }) => [
    'viewer',
    clientId === undefined
      ? `A viewer's socket took nothing for ${time(blockedMs)}: that player or its network is too slow or has stopped.`
      : `The viewer's socket has taken nothing for ${time(blockedMs)}: its player or network is too slow or has stopped.`,
  ],
  viewer_unblocked: ({ blockedMs, lagBytes }) => [
    'viewer',
    `The viewer's socket takes bytes again after ${time(blockedMs)}, ${bytes(lagBytes)} behind.`,
  ],
  viewer_skipped: ({ bytesSkipped }) => [
    'viewer',
    `A viewer was too slow for the stream and jumped forward over ${bytes(bytesSkipped)}.`,
  ],
  viewer_refused: ({ code, detail }) => [
    causeOf(code),
    `A viewer got no picture but an error: ${detail} (${code}).`,
  ],
  owner_changed: ({ from, to }) => ['cluster', `The worker ${to} took the stream over from ${from}.`],
  breaker_opened: ({ index, code, cooldownMs }) => [
    causeOf(code),
    `${capital(source(index))} failed too often (${code}) and is left alone for ${time(cooldownMs)}.`,
  ],
  breaker_closed: ({ index }) => ['upstream', `${capital(source(index))} may be tried again.`],
  failback_started: () => ['upstream', 'The primary source is tried again.'],
  failback_failed: ({ code }) => [causeOf(code), `The primary source is not back yet (${code}).`],
  failover_requested: ({ index }) => ['operator', `Somebody asked for ${source(index)}.`],
  slate_started: ({ reason }) => [causeOf(reason), `Viewers see the slate (${reason}).`],
  slate_ended: ({ shownMs }) => ['upstream', `The slate made way for the stream after ${time(shownMs)}.`],
  drill_started: ({ fault, seconds }) => ['operator', `A drill began: ${fault} for ${seconds} s.`],
  drill_ended: ({ longestGapMs }) => [
    'operator',
    `The drill ended; viewers were without new bytes for ${time(longestGapMs)} at most.`,
  ],
  slot_handed_over: ({ provider, from, way }) => [
    'provider',
    `It took over the connection of the provider ${provider} from the stream ${from}, ${way === 'zap' ? 'whose viewer zapped here' : 'which nobody watched any more'}.`,
  ],
  stream_preempted: ({ provider, to }) => [
    'provider',
    `It gave its connection of the provider ${provider} to the stream ${to}, whose priority is higher.`,
  ],
};

const DETACHED: Readonly<Record<string, readonly [Cause, string]>> = {
  left: ['viewer', 'its player closed the connection'],
  stuck: ['viewer', 'its socket took nothing for too long, and it was dropped'],
  stopped: ['operator', 'the stream was stopped'],
  failed: ['upstream', 'the stream failed'],
  ended: ['upstream', 'the content was complete'],
  kicked: ['operator', 'it was ended, or its player came back over another connection'],
  lost: ['cluster', 'its node died, or lost it without a word'],
  shutdown: ['operator', 'its node was shut down'],
};

/** Codes of the error catalogue and reasons of switches, by what they begin with. */
const CAUSES: readonly (readonly [RegExp, Cause])[] = [
  [/^(?:FFMPEG|PROFILE|TEMPLATE)_/, 'encoder'],
  [/^(?:RELAY_|OWNER_|HANDED_OVER|STALE_EPOCH|STATE_|WORKER_|CAPACITY_|SHUTTING_DOWN)/, 'cluster'],
  [/^PROVIDER_/, 'provider'],
  [/^(?:MANUAL|DRILL|STREAM_STOPPED|SWITCH_SUPERSEDED|STREAM_NOT_FOUND)/, 'operator'],
];

function causeOf(code: string | number | boolean | undefined): Cause {
  return CAUSES.find(([pattern]) => pattern.test(String(code)))?.[1] ?? 'upstream';
}

function stopCause(reason: string): Cause {
  if (reason === 'no viewers' || reason === 'the last viewer left') return 'viewer';
  if (reason === 'the content is complete') return 'upstream';
  return reason.includes('node') ? 'cluster' : 'operator';
}

function switched({ reason, gapMs, failoverIndex, fromIndex }: EntryData): string {
  const gap = Number(gapMs) > 0 ? `nothing new came for ${time(gapMs)}` : 'without a gap';
  if (reason === 'RELAY_LOST' || reason === 'OWNER_CHANGED' || reason === 'HANDED_OVER') {
    return `The stream comes from another worker (${reason}), ${gap}`;
  }
  if (fromIndex === undefined)
    return `The picture comes from ${source(failoverIndex)} now (${reason}), ${gap}`;
  if (fromIndex === failoverIndex) {
    const what = causeOf(reason) === 'encoder' ? 'FFmpeg' : capital(source(failoverIndex));
    return `${what} was started again (${reason}), ${gap}`;
  }
  return `Switched from ${source(fromIndex)} to ${source(failoverIndex)} (${reason}), ${gap}`;
}

function lostWhat(
  code: EntryData[string] | undefined,
  index: EntryData[string] | undefined,
  clientId?: string,
): string {
  if (causeOf(code) === 'encoder') return 'FFmpeg';
  if (causeOf(code) === 'cluster') return 'The connection to the worker that plays the stream';
  return clientId === undefined ? capital(source(index)) : `The viewer's own connection to ${source(index)}`;
}

function source(index: string | number | boolean | undefined): string {
  return Number(index ?? 0) === 0 ? 'the primary source' : `failover source ${index}`;
}

function time(ms: string | number | boolean | undefined): string {
  const value = Number(ms ?? 0);
  if (value < 1_000) return `${Math.round(value)} ms`;
  if (value < 120_000) return `${Math.round(value / 100) / 10} s`;
  return value < 7_200_000 ? `${Math.round(value / 60_000)} min` : `${Math.round(value / 360_000) / 10} h`;
}

function bytes(count: string | number | boolean | undefined): string {
  const value = Number(count ?? 0);
  return value < 1_000_000 ? `${Math.round(value / 1_000)} kB` : `${Math.round(value / 100_000) / 10} MB`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
