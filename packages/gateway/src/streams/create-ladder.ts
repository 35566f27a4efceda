import { type StreamDefinition, streamId } from '@streampool/state';
import { LADDER_LABEL } from '../hls/ladder.ts';
import { variantFigures } from '../hls/variant-figures.ts';
import type { ResolvedTranscode } from '../options.ts';
import type { DefinitionOptions } from './create-stream.ts';

/** One quality of a ladder, as a stream of its own. */
export interface Rung {
  readonly definition: StreamDefinition;
  readonly resolved: ResolvedTranscode;
}

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
    variants: rungs.map(({ definition, resolved: { profile: name, args } }) => ({
      ...{ streamId: definition.id, name },
      ...variantFigures(args),
    })),
  };
}

/** Profiles that come to the same stream are one quality: players would see two that are alike. */
export function distinctRungs([first, ...rest]: readonly [Rung, ...Rung[]]): [Rung, ...Rung[]] {
  const known = new Set([first.definition.id]);
  const others = rest.filter(({ definition: { id } }) => !known.has(id) && known.add(id));
  return [first, ...others];
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
