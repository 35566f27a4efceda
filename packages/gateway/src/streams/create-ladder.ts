import { type StreamDefinition, type StreamVariant, streamId } from '@streampool/state';
import { LADDER_LABEL } from '../hls/ladder.ts';
import type { ResolvedTranscode } from '../options.ts';
import type { DefinitionOptions } from './create-stream.ts';

/** One quality of a ladder, as a stream of its own. */
export interface Rung {
  readonly definition: StreamDefinition;
  readonly resolved: ResolvedTranscode;
}

/** What packets and tables add to what encoders put out; rounded up. */
const TS_OVERHEAD = 1.1;

/** A stream that nothing plays by itself: its playlist leads to the streams of its rungs, and `/stream/{id}` to the first. */
export function ladderDefinition(
  rungs: readonly [Rung, ...Rung[]],
  options: DefinitionOptions,
): StreamDefinition {
  const [{ definition: first }] = rungs;
  const { ffmpegArgs: _args, profileVariables: _variables, ...source } = first;
  const profile = rungs.map(({ resolved }) => resolved.profile).join(',');
  return {
    ...source,
    // The rungs' ids hold everything that changes their bytes.
    id: streamId(
      { kind: 'transcode', url: first.url, ffmpegArgs: rungs.map(({ definition }) => definition.id) },
      options.sharing,
    ),
    metadata: { ...first.metadata, profile },
    profile,
    variants: rungs.map(({ definition, resolved }) => variantOf(definition.id, resolved)),
  };
}

/**
 * The definition of a rung, labelled with its ladder, with which it goes; one that somebody else wants, too, stays.
 * `before`: what there is of it.
 */
export function rungOf(
  definition: StreamDefinition,
  ladderId: string,
  before: StreamDefinition | undefined,
): StreamDefinition {
  const isOurs = before === undefined || before.metadata[LADDER_LABEL] === ladderId;
  return isOurs
    ? { ...definition, metadata: { ...definition.metadata, [LADDER_LABEL]: ladderId } }
    : definition;
}

/** What a playlist says of a stream, as far as its arguments tell: what the source is like is not known yet. */
function variantOf(id: string, { profile, args }: ResolvedTranscode): StreamVariant {
  const video = bitsOf(args, /^-(?:maxrate(?::v)?)$/) ?? bitsOf(args, /^-(?:b:v(?::0)?|vb)$/);
  const averageVideo = bitsOf(args, /^-(?:b:v(?::0)?|vb)$/);
  const audio = bitsOf(args, /^-(?:b:a(?::0)?|ab)$/) ?? 0;
  const size = /^\d{2,5}x\d{2,5}$/.exec(optionValue(args, /^-s(?::v)?$/) ?? '')?.[0];
  const total = (bits: number): number => Math.round((bits + audio) * TS_OVERHEAD);
  const hasVideo = video !== undefined;
  return {
    streamId: id,
    name: profile,
    ...((hasVideo || audio > 0) && { bandwidth: total(video ?? 0) }),
    ...(averageVideo !== undefined && averageVideo !== video && { averageBandwidth: total(averageVideo) }),
    ...(size !== undefined && { resolution: size }),
  };
}

function optionValue(args: readonly string[], option: RegExp): string | undefined {
  const at = args.findLastIndex((arg) => option.test(arg));
  return at < 0 ? undefined : args[at + 1];
}

/** Bit rates as FFmpeg reads them: `2500k`, `4M`, `128000`. */
function bitsOf(args: readonly string[], option: RegExp): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([kKmM]?)$/.exec(optionValue(args, option) ?? '') ?? [];
  if (number === undefined) return undefined;
  return Number(number) * (unit === '' ? 1 : unit.toLowerCase() === 'k' ? 1e3 : 1e6);
}
