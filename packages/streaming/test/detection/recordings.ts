import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runOk, TsLoop } from '@streampool/testkit';

/** Filter graphs (with labels [v] and [a] where they have picture and sound) and how they are encoded. */
export interface Recipe {
  readonly graph: string;
  readonly seconds: number;
  /** Encoder arguments; x264, with a keyframe every 2 s, if there are none. */
  readonly video?: readonly string[];
  readonly audio?: readonly string[];
}

const X264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-b:v', '600k', '-g', '50', '-keyint_min', '50'];
const AAC = ['-c:a', 'aac', '-b:a', '64k'];

/** A transport stream with just this fault, made by FFmpeg once and kept, to be played round and round. */
export async function recording({ graph, seconds, video = X264, audio = AAC }: Recipe): Promise<TsLoop> {
  const args = [
    ...['-v', 'error', '-nostdin', '-y', '-fflags', '+bitexact', '-filter_complex', graph],
    ...(graph.includes('[v]') ? ['-map', '[v]', ...video, '-pix_fmt', 'yuv420p'] : []),
    ...(graph.includes('[a]') ? ['-map', '[a]', ...audio] : []),
    ...['-t', `${seconds}`, '-f', 'mpegts'],
  ];
  const key = createHash('sha256').update(JSON.stringify(args)).digest('hex').slice(0, 24);
  const directory = process.env.STREAMPOOL_TESTKIT_CACHE ?? join(tmpdir(), 'streampool-testkit');
  const path = join(directory, `fault-${key}.ts`);
  if (!statSync(path, { throwIfNoEntry: false })) {
    mkdirSync(directory, { recursive: true });
    const draft = `${path}.${process.pid}.part`;
    await runOk('ffmpeg', [...args, draft], { timeoutMs: 60_000 });
    renameSync(draft, path);
  }
  return new TsLoop({ path, seconds });
}

const PICTURE = 'testsrc2=size=320x180:rate=25';
/** One picture with a photograph's texture. */
const STILL = `${PICTURE},noise=alls=12:all_seed=7,loop=-1:1:0,setpts=N/25/TB`;
const TONE = 'sine=frequency=440:sample_rate=48000';
const NOTHING = 'anullsrc=r=48000:cl=stereo';
const MPEG2 = ['-c:v', 'mpeg2video', '-b:v', '1M', '-minrate', '1M', '-maxrate', '1M', '-bufsize', '800k'];

/** Every recording that detectors are shown, good ones first. */
export const RECIPES = {
  moving: { graph: `${PICTURE}[v];${TONE},volume=-12dB[a]`, seconds: 12 },
  /** A night scene: nothing brighter than a ninth of white, and it moves. */
  dark: { graph: `${PICTURE},eq=brightness=-0.42:contrast=0.25[v]`, seconds: 12 },
  /** A still room with a camera's noise, in which only a mouth moves. */
  talking: {
    graph: `${STILL},scale=640:360[b];color=c=brown:size=36x12:rate=25[m];[b][m]overlay=x=300:y='165+6*sin(t*9)':eval=frame,noise=alls=5:allf=t[v]`,
    seconds: 14,
  },
  /** 5 s of a programme, 5 s of a slide. */
  slide: {
    graph: `${PICTURE},trim=duration=5[p];${STILL},trim=duration=5[s];[p][s]concat=n=2:v=1:a=0[v]`,
    seconds: 10,
  },
  hevc: {
    graph: `${PICTURE}[v]`,
    seconds: 10,
    video: ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error:keyint=50'],
  },
  /** -40 dB: ten decibels above what counts as silence. */
  quiet: { graph: `${TONE},volume=-22dB,tremolo=f=0.5:d=0.5[a]`, seconds: 10 },
  radio: { graph: `${TONE},volume=-6dB[a]`, seconds: 10, audio: ['-c:a', 'mp2', '-b:a', '128k'] },

  black: { graph: `color=black:size=320x180:rate=25[v];${TONE}[a]`, seconds: 10 },
  /** Black with a channel's logo in a corner. */
  blackLogo: {
    graph: 'color=black:size=320x180:rate=25,drawbox=x=290:y=10:w=20:h=10:c=white:t=fill[v]',
    seconds: 10,
    video: [...MPEG2, '-g', '12', '-bf', '2'],
  },
  frozen: { graph: `${STILL}[v];${TONE}[a]`, seconds: 10 },
  /** Filled up to a constant rate, as a satellite's encoder does. */
  frozenFilled: {
    graph: `${STILL}[v]`,
    seconds: 10,
    video: [
      ...X264,
      '-minrate',
      '600k',
      '-maxrate',
      '600k',
      '-bufsize',
      '600k',
      '-x264-params',
      'nal-hrd=cbr:filler=1',
    ],
  },
  frozenInterlaced: {
    graph: `${STILL}[v]`,
    seconds: 10,
    video: [...MPEG2, '-g', '12', '-bf', '2', '-flags', '+ilme+ildct', '-top', '1'],
  },
  frozenHevc: {
    graph: `${STILL}[v]`,
    seconds: 10,
    video: ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error:keyint=50'],
  },
  silent: { graph: `${PICTURE}[v];${NOTHING}[a]`, seconds: 12 },
  silentAc3: { graph: `${NOTHING}[a]`, seconds: 10, audio: ['-c:a', 'ac3', '-b:a', '192k'] },
  /** Noise at some -63 dB. */
  hiss: { graph: 'anoisesrc=a=0.0005:r=48000,aformat=channel_layouts=stereo[a]', seconds: 10 },
} as const satisfies Record<string, Recipe>;
