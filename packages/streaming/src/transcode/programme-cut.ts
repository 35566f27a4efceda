import { INPUT_PLACEHOLDER, type InputKind } from '@streampool/ffmpeg';
import type { ProgrammeTimes } from '../engine-api.ts';

/** An FFmpeg that ends so shortly before the programme's end has shown all of it. */
const NEARLY_MS = 2_000;

/**
 * FFmpeg's arguments for what is left of a programme. What has a beginning is read from where the programme is by now; a
 * continuous stream is where it is anyway.
 * @param args as `resolveTranscode` gives them
 */
export function cutToProgramme(
  args: readonly string[],
  programme: ProgrammeTimes | undefined,
  kind: InputKind,
  nowMs: number,
): string[] {
  if (!programme) return [...args];
  const elapsedMs = Math.max(0, nowMs - programme.startedAtMs);
  const seekMs = programme.seekMs + elapsedMs;
  const place = args.findIndex((arg, at) => arg === INPUT_PLACEHOLDER && args[at - 1] === '-i') - 1;
  const leftMs = leftOf(programme, nowMs);
  return [
    ...args.slice(0, place),
    ...(kind === 'other' && seekMs >= 1 ? ['-ss', seconds(seekMs)] : []),
    ...args.slice(place, place + 2),
    ...(leftMs === undefined ? [] : ['-t', seconds(Math.max(100, leftMs))]),
    ...args.slice(place + 2),
  ];
}

/** How much of a programme is left to show, ms; undefined: all that its source has. */
export function leftOf(programme: ProgrammeTimes | undefined, nowMs: number): number | undefined {
  if (programme?.durationMs === undefined) return undefined;
  return programme.durationMs - Math.max(0, nowMs - programme.startedAtMs);
}

/** Whether an FFmpeg that was to show so much, and put out so much, has shown it all. */
export function hasShown(leftMs: number | undefined, shownMs: number): boolean {
  return leftMs !== undefined && shownMs >= leftMs - NEARLY_MS;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
