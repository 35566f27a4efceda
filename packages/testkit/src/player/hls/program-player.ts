import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { endsWithParent } from '../../processes/run.ts';
import { PlaybackClock } from './playback-clock.ts';

export type HlsProgram = 'ffmpeg' | 'streamlink' | 'vlc';

/** What a player program made of a URL. */
export interface ProgramPlayback {
  readonly program: HlsProgram;
  /** Of decoded media; with VLC, from its first picture on. */
  readonly playedSeconds: number;
  readonly stalls: number;
  /** VLC does not tell. */
  readonly stalledMs: number | undefined;
  /** What it complained about, its own troubles with this machine left out. */
  readonly errors: readonly string[];
}

/** The programs that are there. VLC refuses to be root, so root needs setpriv to be somebody else. */
export function installedPrograms(): HlsProgram[] {
  const all = { ffmpeg: ['ffmpeg'], streamlink: ['streamlink', 'ffmpeg'], vlc: ['cvlc', 'setpriv'] } as const;
  return (Object.keys(all) as HlsProgram[]).filter((name) => all[name].every(isInstalled));
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)));
}

/**
 * Plays a URL with a program for so many seconds from its first picture. FFmpeg decodes at the pace at which media come,
 * streamlink's output too; stalls are what somebody watching would have seen. VLC plays as it does for a viewer.
 */
export function playWith(program: HlsProgram, url: string, seconds: number): Promise<ProgramPlayback> {
  return program === 'vlc' ? playWithVlc(url, seconds) : playWithDecoder(program, url, seconds);
}

/** What these say of every stream in parts, or of a machine without a screen. */
const HARMLESS =
  /Found duplicated MOOV|Can't support the subtitle|Last message repeated|Cannot reuse HTTP connection|Error when loading first fragment|running as root/;

async function playWithDecoder(program: HlsProgram, url: string, seconds: number): Promise<ProgramPlayback> {
  // A line for each picture as soon as it is decoded; frames keep their own times, in ticks of 90 kHz.
  const times = ['-fps_mode', 'passthrough', '-enc_time_base:v', '1:90000', '-flush_packets', '1'];
  const output = ['-map', '0:v:0', ...times, '-f', 'framecrc', 'pipe:1', '-map', '0:a:0?', '-f', 'null', '-'];
  const input = program === 'ffmpeg' ? ['-allowed_extensions', 'ALL', '-i', url] : ['-i', 'pipe:0'];
  const ffmpeg = start('ffmpeg', ['-v', 'warning', ...input, ...output]);
  const feeder =
    program === 'streamlink'
      ? start('streamlink', ['--loglevel', 'warning', '--stdout', `hls://${url}`, 'best'])
      : undefined;
  if (feeder) {
    feeder.stdout!.on('error', () => {}).pipe(ffmpeg.stdin!.on('error', () => {}));
    feeder.stderr!.resume();
  } else ffmpeg.stdin!.on('error', () => {}).end();
  const clock = new PlaybackClock();
  const complaints = collect(ffmpeg.stderr!);
  let [decoded, pending] = [0, ''];
  const played = new Promise<void>((resolve) => {
    ffmpeg.stdout!.on('data', (data: Buffer) => {
      pending += data.toString();
      const lines = pending.split('\n');
      pending = lines.pop()!;
      for (const line of lines) {
        const [, ticks] = /^0, *\d+, *(\d+),/.exec(line) ?? [];
        const now = Number(ticks ?? 0) / 90_000;
        if (now <= decoded) continue;
        clock.add(now - decoded);
        decoded = now;
      }
      if (clock.playedMs >= seconds * 1_000) resolve();
    });
  });
  await Promise.race([played, exited(ffmpeg), timeout((seconds + 40) * 1_000)]);
  clock.settle();
  const errors = complaints().filter((line) => !HARMLESS.test(line));
  await Promise.all([ffmpeg, feeder].map((child) => child && end(child)));
  return {
    ...{ program, playedSeconds: clock.playedMs / 1_000, errors },
    ...{ stalls: clock.stalls, stalledMs: Math.round(clock.stalledMs) },
  };
}

async function playWithVlc(url: string, seconds: number): Promise<ProgramPlayback> {
  const home = mkdtempSync(join(tmpdir(), 'testkit-vlc-'));
  chmodSync(home, 0o777);
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const vlc = [
    'cvlc',
    '-vv',
    '--no-color',
    '--no-interact',
    '--vout=dummy',
    '--aout=dummy',
    '--intf=dummy',
    url,
  ];
  const child = start('setpriv', [
    ...(process.getuid?.() === 0 ? nobody : []),
    'env',
    `HOME=${home}`,
    ...vlc,
  ]);
  child.stdin!.end();
  child.stdout!.resume();
  let [firstPicture, pending] = [undefined as number | undefined, ''];
  // VLC buffers once in the beginning; when it buffers again, the picture has stood still. It does not say for how long.
  let stalls = 0;
  const errors: string[] = [];
  const finished = new Promise<void>((resolve) => {
    child.stderr!.on('data', (data: Buffer) => {
      const lines = (pending + data.toString()).split('\n');
      pending = lines.pop()!;
      for (const line of lines) {
        if (/Received first picture/.test(line) && firstPicture === undefined) {
          firstPicture = performance.now();
          setTimeout(resolve, seconds * 1_000);
        }
        if (firstPicture !== undefined && /Buffering 0%/.test(line)) stalls += 1;
        if (/(?:adaptive|http|ts demux|mp4|avcodec).* error: |buffer deadlock prevented/.test(line))
          errors.push(line.replace(/^\[\w+\] /, ''));
      }
    });
  });
  await Promise.race([finished, exited(child), timeout((seconds + 40) * 1_000)]);
  const lasted = firstPicture === undefined ? 0 : (performance.now() - firstPicture) / 1_000;
  await end(child);
  rmSync(home, { recursive: true, force: true });
  return { program: 'vlc', playedSeconds: lasted, stalls, stalledMs: undefined, errors };
}

function start(program: string, args: readonly string[]): ChildProcess {
  const [command, ...rest] = endsWithParent([program, ...args]);
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.on('error', () => {});
  return child;
}

function collect(stream: NodeJS.ReadableStream): () => string[] {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () =>
    Buffer.concat(chunks)
      .toString()
      .split('\n')
      .filter((line) => line.trim() !== '');
}

function exited(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('close', () => resolve());
  });
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await exited(child);
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
