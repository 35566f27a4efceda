import type { IncomingHttpHeaders } from 'node:http';
import type { HlsAnswer, HlsResume } from '@streampool/hls';

/** Headers with which nodes tell each other what a player is told in other ways, or not at all. */
export const WIRE = {
  epoch: 'x-stream-epoch',
  kind: 'x-hls-kind',
  maxAge: 'x-hls-max-age',
  targetDuration: 'x-hls-target-duration',
  progress: 'x-hls-progress',
  /** Of a playlist: the owner has put in front of it all that is to be there. */
  whole: 'x-hls-whole',
  /** Further headers of the answer, as JSON. */
  headers: 'x-hls-headers',
  /** Of a request. */
  resume: 'x-hls-resume',
  deposes: 'x-streampool-deposes',
  node: 'x-streampool-node',
} as const;

type Described = Omit<HlsAnswer, 'body'>;

/** What is said of an answer beside its body. */
export function answerHeaders(answer: HlsAnswer, epoch: number): Record<string, string> {
  const { kind, maxAgeMs, targetDurationMs, progress, headers, contentType } = answer;
  return {
    'content-type': contentType,
    [WIRE.epoch]: `${epoch}`,
    [WIRE.kind]: kind,
    [WIRE.maxAge]: `${Math.round(maxAgeMs)}`,
    ...(targetDurationMs !== undefined && { [WIRE.targetDuration]: `${Math.round(targetDurationMs)}` }),
    ...(progress && { [WIRE.progress]: resumeText(progress) }),
    ...(kind === 'playlist' && { [WIRE.whole]: 'yes' }),
    ...(headers && { [WIRE.headers]: JSON.stringify(headers) }),
  };
}

const STATUSES: readonly number[] = [200, 206, 304, 404, 416] satisfies HlsAnswer['status'][];
const KINDS: readonly string[] = ['playlist', 'asset-list', 'media', 'other'] satisfies HlsAnswer['kind'][];

/** The reverse; undefined where this is no answer of an owner. */
export function readAnswer(
  status: number,
  headers: IncomingHttpHeaders,
): { described: Described; epoch: number; isWhole: boolean } | undefined {
  const kind = headers[WIRE.kind];
  const epoch = numberOf(headers[WIRE.epoch]);
  if (epoch === undefined || typeof kind !== 'string' || !KINDS.includes(kind) || !STATUSES.includes(status))
    return undefined;
  const targetDurationMs = numberOf(headers[WIRE.targetDuration]);
  const progress = readResume(headers[WIRE.progress]);
  const further = headers[WIRE.headers];
  return {
    epoch,
    isWhole: headers[WIRE.whole] === 'yes',
    described: {
      status: status as HlsAnswer['status'],
      kind: kind as HlsAnswer['kind'],
      contentType: headers['content-type'] ?? 'application/octet-stream',
      maxAgeMs: numberOf(headers[WIRE.maxAge]) ?? 0,
      ...(targetDurationMs !== undefined && { targetDurationMs }),
      ...(progress && { progress }),
      ...(typeof further === 'string' && { headers: JSON.parse(further) as Record<string, string> }),
    },
  };
}

/** Names of its fields on the wire. */
const RESUME = {
  mediaSequence: 'segment',
  discontinuitySequence: 'discontinuity',
  endMs: 'end',
  targetDurationS: 'target',
} as const satisfies Record<keyof HlsResume, string>;

/** `segment=…&discontinuity=…` and the like. */
export function resumeText(resume: HlsResume): string {
  const fields = Object.entries(RESUME).flatMap(([field, name]) => {
    const value = resume[field as keyof HlsResume];
    return value === undefined ? [] : [`${name}=${value}`];
  });
  return fields.join('&');
}

/** The reverse; undefined where the two numbers are not there. */
export function readResume(text: string | string[] | undefined): HlsResume | undefined {
  const fields = new URLSearchParams(typeof text === 'string' ? text : '');
  const number = (name: string): number | undefined => {
    const value = fields.get(name);
    return value !== null && /^\d{1,15}(?:\.\d{1,6})?$/.test(value) ? Number(value) : undefined;
  };
  const mediaSequence = number(RESUME.mediaSequence);
  const discontinuitySequence = number(RESUME.discontinuitySequence);
  if (mediaSequence === undefined || discontinuitySequence === undefined) return undefined;
  const [endMs, targetDurationS] = [number(RESUME.endMs), number(RESUME.targetDurationS)];
  return {
    ...{ mediaSequence, discontinuitySequence },
    ...(endMs !== undefined && { endMs }),
    ...(targetDurationS !== undefined && { targetDurationS }),
  };
}

function numberOf(text: string | string[] | undefined): number | undefined {
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
