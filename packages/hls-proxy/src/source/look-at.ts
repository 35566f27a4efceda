import { StreampoolError } from '@streampool/errors';
import { type ReadPlaylist, readMediaPlaylist, readMultivariant } from '@streampool/hls';
import type { Clock } from '@streampool/streaming';
import { firstVariant } from '../playlist/counterpart.ts';
import { within } from '../within.ts';
import type { SourceTurn } from './source-turn.ts';

const DEFAULT_TARGET_MS = 6_000;
/** A live playlist is looked at again after so many target durations, so often at most. */
const AGAIN = { targets: 1.5, times: 2 };

/** Whether a source that is to take over has segments. @throws StreampoolError why not */
export async function lookAt(turn: SourceTurn): Promise<ReadPlaylist> {
  let location: { url: string; from?: string } = { url: turn.url };
  let loaded = await turn.loader.load(location, turn.signal);
  if (loaded.isMultivariant) {
    const variant = firstVariant(readMultivariant(loaded.text, loaded.baseUrl).playlists);
    if (!variant) throw new StreampoolError('UPSTREAM_NOT_MEDIA', 'The playlist names no variants');
    location = { url: variant.url, from: loaded.baseUrl };
    loaded = await turn.loader.load(location, turn.signal);
  }
  const list = readMediaPlaylist(loaded.text);
  if (list.segments.length === 0)
    throw new StreampoolError('UPSTREAM_NOT_MEDIA', 'The playlist names no segments');
  return list;
}

/** The same, and that it moves on. @throws StreampoolError why not */
export async function lookAtMoving(turn: SourceTurn, clock: Clock): Promise<void> {
  const first = await lookAt(turn);
  if (first.isEnded) return;
  const newest = (list: ReadPlaylist): number => list.mediaSequence + list.segments.length;
  const pauseMs = (first.targetDurationMs || DEFAULT_TARGET_MS) * AGAIN.targets;
  for (let times = 0; times < AGAIN.times; times += 1) {
    await within(new Promise(() => {}), pauseMs, clock, turn.signal);
    if (newest(await lookAt(turn)) !== newest(first)) return;
  }
  throw new StreampoolError('UPSTREAM_TIMEOUT', 'The playlist does not move on');
}
