import { runToEnd, systemTimers, type Timers } from '@streampool/processes';
import { FfmpegProcess } from '../process/ffmpeg-process.ts';
import { type EncoderFamily, encodeVideo, type VideoCodec } from '../profiles/video-encoders.ts';
import { substitute } from '../template/placeholders.ts';
import { tokenize } from '../template/tokenize.ts';
import { HardwareDevices, type HardwareFamily } from './devices.ts';

export interface HardwareEncoder {
  /** FFmpeg's name for it, such as `h264_nvenc`. */
  readonly name: string;
  /** It has just encoded some pictures with the very options that the profiles use. */
  readonly works: boolean;
  /** Why not, in plain words. */
  readonly reason?: string;
}

export interface DetectOptions {
  readonly ffmpegPath: string;
  /** For each trial, in ms. A driver may hang. */
  readonly deadlineMs?: number;
  readonly timers?: Timers;
  /** Which devices there are; by default those of this machine. */
  readonly devices?: HardwareDevices;
}

const FAMILIES: readonly HardwareFamily[] = ['nvenc', 'qsv', 'vaapi', 'videotoolbox'];
const CODECS: readonly VideoCodec[] = ['h264', 'hevc'];
const DEADLINE_MS = 5_000;

/**
 * Finds out which hardware encoders work, by using each. That FFmpeg lists an encoder says only that it was compiled
 * in; the driver and the permissions show when it runs. Without a device there is nothing to try, nor to ask for: most servers
 * have none, and each question is an FFmpeg. One trial at a time: some drivers allow one session.
 * Takes up to `deadlineMs` per encoder, so callers keep the answer. Never rejects: without FFmpeg nothing works.
 */
export async function detectHardware(options: DetectOptions): Promise<{ encoders: HardwareEncoder[] }> {
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  const devices = options.devices ?? new HardwareDevices();
  let compiledIn: Set<string> | undefined;
  const encoders: HardwareEncoder[] = [];
  for (const family of FAMILIES) {
    for (const codec of CODECS) {
      const name = `${codec}_${family}`;
      if (!devices.mayServe(family)) {
        encoders.push({ name, works: false, reason: 'this machine has no device for it' });
        continue;
      }
      compiledIn ??= await listEncoders(options.ffmpegPath, deadlineMs);
      if (!compiledIn.has(name)) {
        encoders.push({ name, works: false, reason: 'this FFmpeg was built without it' });
        continue;
      }
      const reason = await tryEncoder(
        options.ffmpegPath,
        codec,
        family,
        deadlineMs,
        options.timers ?? systemTimers,
      );
      encoders.push(reason === undefined ? { name, works: true } : { name, works: false, reason });
    }
  }
  return { encoders };
}

async function listEncoders(ffmpegPath: string, deadlineMs: number): Promise<Set<string>> {
  const { stdout } = await runToEnd({
    program: ffmpegPath,
    args: ['-hide_banner', '-encoders'],
    deadlineMs,
    maxOutputBytes: 1_000_000,
    niceness: 0,
  });
  return new Set(Array.from(stdout.toString().matchAll(/^ V\S{5} (\S+)/gm), (match) => match[1]!));
}

/** @returns undefined if it works, else why not */
function tryEncoder(
  ffmpegPath: string,
  codec: VideoCodec,
  family: EncoderFamily,
  deadlineMs: number,
  timers: Timers,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  let bytes = 0;
  const trial = new FfmpegProcess(
    {
      ffmpegPath,
      args: trialArguments(codec, family),
      stallTimeoutMs: deadlineMs,
      startTimeoutMs: deadlineMs,
      stopGraceMs: 500,
      timers,
    },
    {
      data: (chunk) => {
        bytes += chunk.length;
      },
      progress: () => {},
      exit: (error) => {
        cancel();
        resolve(error?.message ?? (bytes === 0 ? 'it encoded nothing' : undefined));
      },
    },
  );
  const cancel = timers.after(deadlineMs, () => {
    void trial.stop().then(() => resolve(`it did not finish within ${deadlineMs / 1000} s`));
  });
  trial.start();
  return promise;
}

function trialArguments(codec: VideoCodec, family: EncoderFamily): string[] {
  const { device = '', encode } = encodeVideo({ codec, crf: 23, kbps: 1000, pace: 'instant' }, family);
  const source = '-f lavfi -i testsrc2=size=320x240:rate=25:duration=0.4';
  const { args } = substitute(tokenize(`${device} ${source} ${encode} -f mpegts pipe:1`), {});
  return args.map(({ text }) => text);
}
