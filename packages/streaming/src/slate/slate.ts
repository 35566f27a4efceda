import { collectPes, type PesUnit, TICKS_PER_SECOND } from '@streampool/mpegts';
import { type AudioFormat, audioKey, type MediaFormat } from './media-format.ts';
import { frameSamples, loopOf } from './slate-command.ts';

/** One elementary stream that is played round and round. Every unit can follow every other, and the first follows the last. */
export interface SlateTrack {
  readonly units: readonly PesUnit[];
  /** How long each unit lasts, in 90 kHz ticks; not a whole number for some sample rates. */
  readonly unitTicks: number;
}

/** A picture and silence of one codec set, to be played as often as wanted. */
export interface Slate {
  readonly video?: SlateTrack;
  /** By `audioKey`. */
  readonly audio: ReadonlyMap<string, SlateTrack>;
  readonly bytes: number;
}

/** Where FFmpeg's multiplexer puts the first stream. */
const FIRST_PID = 0x100;

/** Encoders fade in: these frames are no pure silence, or carry what is said only at the start. */
const WARM_UP_FRAMES = 6;

/**
 * Takes FFmpeg's transport stream (see `slateArgs`) to pieces.
 * @throws RangeError if it holds less than it should
 */
export function slateOf(packets: Buffer, { video, audio }: MediaFormat): Slate {
  const first = video ? FIRST_PID + 1 : FIRST_PID;
  const tracks = new Map<string, SlateTrack>();
  for (const [index, format] of audio.entries()) {
    const units = collectPes(packets, first + index).slice(WARM_UP_FRAMES, -1);
    if (units.length === 0) throw new RangeError('the slate has no sound');
    tracks.set(audioKey(format), { units, unitTicks: audioTicks(format) });
  }
  const picture = video && collectPes(packets, FIRST_PID);
  if (video && picture?.length !== loopOf(video).frames)
    throw new RangeError(`the slate has ${picture?.length} pictures`);
  const all = [...(picture ?? []), ...[...tracks.values()].flatMap(({ units }) => units)];
  return {
    ...(video &&
      picture && {
        video: { units: picture, unitTicks: (TICKS_PER_SECOND * video.rate[1]) / video.rate[0] },
      }),
    audio: tracks,
    bytes: all.reduce((sum, { bytes }) => sum + bytes.length, 0),
  };
}

function audioTicks(format: AudioFormat): number {
  return (frameSamples(format) * TICKS_PER_SECOND) / format.sampleRate;
}
