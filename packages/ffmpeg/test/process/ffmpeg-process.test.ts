import type { StreampoolError } from '@streampool/errors';
import { FfmpegProcess, type FfmpegProcessOptions, type FfmpegProgress } from '../../src/index.ts';
import { fakeFfmpeg, isAlive, until } from './fake-ffmpeg.ts';
import { ManualTimers } from './manual-timers.ts';

/** A process whose calls are kept. */
class Recorded {
  readonly chunks: Buffer[] = [];
  readonly progress: FfmpegProgress[] = [];
  readonly exits: (StreampoolError | undefined)[] = [];
  readonly process: FfmpegProcess;

  constructor(options: Partial<FfmpegProcessOptions> & { ffmpegPath: string }) {
    this.process = new FfmpegProcess(
      { args: [], stallTimeoutMs: 60_000, startTimeoutMs: 60_000, stopGraceMs: 2_000, ...options },
      {
        data: (chunk) => this.chunks.push(chunk),
        progress: (progress) => this.progress.push(progress),
        exit: (error) => this.exits.push(error),
      },
    );
    running.push(this.process);
  }

  get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  async ended(): Promise<StreampoolError | undefined> {
    await until('the process to end', () => this.exits.length > 0);
    return this.exits[0];
  }
}

const running: FfmpegProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.stop()));
});

describe('ending by itself', () => {
  test('a clean end: every byte before the exit, no error', async () => {
    const recorded = new Recorded({ ffmpegPath: fakeFfmpeg('head -c 3000000 /dev/zero; exit 0') });
    recorded.process.start();
    expect(await recorded.ended()).toBeUndefined();
    expect(recorded.bytes).toBe(3_000_000);
    expect(recorded.exits).toHaveLength(1);
  });

  test('a failure carries what FFmpeg said, in plain words, without credentials', async () => {
    const recorded = new Recorded({
      ffmpegPath: fakeFfmpeg(
        `echo "[error] http://user:secret@host/live/joe/pw123/7.ts: Server returned 403 Forbidden (access denied)" >&2; exit 1`,
      ),
    });
    recorded.process.start();
    const error = await recorded.ended();
    expect(error).toMatchObject({ code: 'FFMPEG_FAILED', info: { exitCode: 1 } });
    expect(error?.message).toBe('the source answered 403 Forbidden');
    expect(recorded.process.stderrTail().join()).toContain('http://***@host/live/***/***/7.ts');
    expect(recorded.process.stderrTail().join()).not.toMatch(/secret|joe|pw123/);
  });

  test('a failure without a word still says how it ended', async () => {
    const killed = new Recorded({ ffmpegPath: fakeFfmpeg('kill -SEGV $$') });
    killed.process.start();
    const error = await killed.ended();
    expect(error).toMatchObject({ code: 'FFMPEG_FAILED', info: { signal: 'SIGSEGV' } });
    expect(error?.message).toContain('SIGSEGV');

    const failed = new Recorded({ ffmpegPath: fakeFfmpeg('exit 187') });
    failed.process.start();
    expect((await failed.ended())?.message).toContain('187');
  });

  test('a missing program is told from one that fails', async () => {
    const recorded = new Recorded({ ffmpegPath: '/nonexistent/ffmpeg' });
    recorded.process.start();
    const error = await recorded.ended();
    expect(error?.code).toBe('FFMPEG_MISSING');
    expect(error?.message).toContain('/nonexistent/ffmpeg');
    await recorded.process.stop();
  });

  test('a child that keeps our pipe open after its death does not keep us waiting', async () => {
    const recorded = new Recorded({ ffmpegPath: fakeFfmpeg('sleep 600 & echo $!; exit 3') });
    recorded.process.start();
    expect((await recorded.ended())?.info).toEqual({ exitCode: 3 });
    await until('the grandchild to be gone', async () => !(await isAlive(Number(recorded.text))));
  });
});

describe('stderr', () => {
  test('endless messages are bounded, and the one that explains survives repetition', async () => {
    const recorded = new Recorded({
      ffmpegPath: fakeFfmpeg(
        `exec >&2; echo "[fatal] Unknown encoder 'h264_x'"; i=0; while [ $i -lt 3000 ]; do echo "[error] no frame!"; i=$((i+1)); done; head -c 300000 /dev/zero | tr '\\0' x; exit 1`,
      ),
    });
    recorded.process.start();
    expect((await recorded.ended())?.message).toBe('this FFmpeg has no encoder h264_x');
    const tail = recorded.process.stderrTail();
    expect(tail).toHaveLength(3);
    expect(tail[1]).toBe('[error] no frame! (3000 times)');
    expect(tail[2]!.length).toBeLessThan(500);
  });

  test('only the last lines are kept', async () => {
    const recorded = new Recorded({
      ffmpegPath: fakeFfmpeg('i=0; while [ $i -lt 500 ]; do echo "[warning] line $i" >&2; i=$((i+1)); done'),
    });
    recorded.process.start();
    await recorded.ended();
    expect(recorded.process.stderrTail()).toHaveLength(100);
    expect(recorded.process.stderrTail().at(-1)).toBe('[warning] line 499');
  });
});

describe('what the child gets', () => {
  test('its arguments, a minimal environment, no stdin, a process group of its own', async () => {
    process.env.http_proxy = 'http://proxy.invalid:1';
    process.env.FFREPORT = 'file=/tmp/never';
    const recorded = new Recorded({
      ffmpegPath: fakeFfmpeg(
        'echo "args=$*"; env | sort; cat; echo "group=$(ps -o pgid= -p $$ | tr -d " ") pid=$$"; pwd',
      ),
      args: ['-i', 'a b', '-f', '$HOME;`x`'],
    });
    recorded.process.start();
    await recorded.ended();
    delete process.env.http_proxy;
    delete process.env.FFREPORT;
    expect(recorded.text).toMatch(/^args=-nostdin .*-progress pipe:3 -i a b -f \$HOME;`x`$/m);
    expect(recorded.text).toContain('LC_ALL=C');
    expect(recorded.text).not.toMatch(/proxy|FFREPORT|HOME=\/root|NODE_/);
    expect(recorded.text).toMatch(new RegExp(`group=${recorded.process.pid} pid=${recorded.process.pid}`));
    expect(recorded.text).toMatch(/^\/$/m);
  });
});

describe('stop', () => {
  test('resolves when the process has been reaped; twice is once; nothing is called after it', async () => {
    const recorded = new Recorded({ ffmpegPath: fakeFfmpeg('while :; do echo x; sleep 0.01; done') });
    recorded.process.start();
    await until('output', () => recorded.bytes > 0);
    const pid = recorded.process.pid!;
    const stopped = recorded.process.stop();
    const bytes = recorded.bytes;
    expect(recorded.process.stop()).toBe(stopped);
    await stopped;
    expect(await isAlive(pid)).toBe(false);
    expect(recorded.bytes).toBe(bytes);
    expect(recorded.exits).toEqual([]);
  });

  test('before the start: nothing is ever started', async () => {
    const recorded = new Recorded({ ffmpegPath: fakeFfmpeg('echo x') });
    await recorded.process.stop();
    recorded.process.start();
    expect(recorded.process.pid).toBeUndefined();
  });

  test('one that ignores SIGTERM is killed after the grace time, with its children', async () => {
    const timers = new ManualTimers();
    const recorded = new Recorded({
      ffmpegPath: fakeFfmpeg(`trap '' TERM; sleep 600 & echo $!; while :; do wait; done`),
      timers,
      stopGraceMs: 2_000,
    });
    recorded.process.start();
    await until('output', () => recorded.text.includes('\n'));
    const child = Number(recorded.text);
    const pid = recorded.process.pid!;
    let stopped = false;
    const stopping = recorded.process.stop().then(() => {
      stopped = true;
    });
    timers.advance(1_999);
    await until('SIGTERM to have been ignored', async () => isAlive(pid));
    expect(stopped).toBe(false);
    timers.advance(1);
    await stopping;
    expect(await isAlive(pid)).toBe(false);
    await until('the child to be gone', async () => !(await isAlive(child)));
    expect(timers.pending).toBe(0);
  });

  test('one that is blocked in writing to us ends at SIGTERM', async () => {
    const recorded = new Recorded({ ffmpegPath: 'ffmpeg', args: rawVideo(), stopGraceMs: 60_000 });
    recorded.process.start();
    await until('output', () => recorded.bytes > 0);
    recorded.process.pause();
    const before = performance.now();
    await recorded.process.stop();
    expect(performance.now() - before).toBeLessThan(30_000);
  });

  test('one that is suspended is killed', async () => {
    const recorded = new Recorded({ ffmpegPath: 'ffmpeg', args: rawVideo(), stopGraceMs: 100 });
    recorded.process.start();
    await until('output', () => recorded.bytes > 0);
    const pid = recorded.process.pid!;
    process.kill(pid, 'SIGSTOP');
    await recorded.process.stop();
    expect(await isAlive(pid)).toBe(false);
  });
});

describe('stalls', () => {
  test('no output at all', async () => {
    const timers = new ManualTimers();
    const recorded = new Recorded({
      ffmpegPath: fakeFfmpeg('echo "[warning] http://h/: Connection refused" >&2; exec sleep 600'),
      startTimeoutMs: 5_000,
      stallTimeoutMs: 1_000,
      timers,
    });
    recorded.process.start();
    await until('the message', () => recorded.process.stderrTail().length > 0);
    timers.advance(4_999);
    expect(await isAlive(recorded.process.pid!)).toBe(true);
    timers.advance(1);
    const error = await recorded.ended();
    expect(error).toMatchObject({ code: 'FFMPEG_STALLED', info: { phase: 'starting' } });
    expect(error?.message).toBe('FFmpeg produced no output for 5 s: the source refused the connection');
  });

  test('output that ceases, in a process that ignores SIGTERM', async () => {
    const timers = new ManualTimers();
    const recorded = new Recorded({
      ffmpegPath: fakeFfmpeg(`trap '' TERM; echo x; while :; do sleep 600 & wait; done`),
      stallTimeoutMs: 3_000,
      timers,
    });
    recorded.process.start();
    timers.advance(2_000);
    await until('output', () => recorded.bytes > 0);
    timers.advance(2_999);
    expect(await isAlive(recorded.process.pid!)).toBe(true);
    timers.advance(1);
    // The grace time after SIGTERM is short: nobody needs what it might still write.
    timers.advance(500);
    expect(await recorded.ended()).toMatchObject({ code: 'FFMPEG_STALLED', info: { phase: 'running' } });
    expect(timers.pending).toBe(0);
  });

  test('a suspended process', async () => {
    const recorded = new Recorded({
      ffmpegPath: 'ffmpeg',
      args: slowVideo(),
      stallTimeoutMs: 2_500,
      startTimeoutMs: 60_000,
    });
    recorded.process.start();
    await until('output', () => recorded.bytes > 0);
    process.kill(recorded.process.pid!, 'SIGSTOP');
    expect((await recorded.ended())?.code).toBe('FFMPEG_STALLED');
    expect(await isAlive(recorded.process.pid!)).toBe(false);
  });

  test('the time that reading is paused does not count', async () => {
    const timers = new ManualTimers();
    const recorded = new Recorded({
      ffmpegPath: fakeFfmpeg('echo x; exec sleep 600'),
      stallTimeoutMs: 1_000,
      startTimeoutMs: 1_000,
      timers,
    });
    recorded.process.start();
    await until('output', () => recorded.bytes > 0);
    recorded.process.pause();
    timers.advance(50_000);
    expect(await isAlive(recorded.process.pid!)).toBe(true);
    recorded.process.resume();
    timers.advance(999);
    expect(await isAlive(recorded.process.pid!)).toBe(true);
    timers.advance(1_001);
    expect((await recorded.ended())?.code).toBe('FFMPEG_STALLED');
  });
});

describe('backpressure', () => {
  test('a paused process blocks instead of filling our memory, and goes on where it was', async () => {
    const recorded = new Recorded({ ffmpegPath: fakeFfmpeg('head -c 8000000 /dev/zero; echo end') });
    recorded.process.start();
    await until('output', () => recorded.bytes > 0);
    recorded.process.pause();
    const held = recorded.bytes;
    // Long enough for `head` to write everything, if anybody took it.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(recorded.bytes).toBe(held);
    expect(held).toBeLessThan(8_000_000);
    expect(await isAlive(recorded.process.pid!)).toBe(true);
    recorded.process.resume();
    expect(await recorded.ended()).toBeUndefined();
    expect(recorded.bytes).toBe(8_000_004);
  });
});

describe('progress', () => {
  test('of the real FFmpeg', async () => {
    const recorded = new Recorded({ ffmpegPath: 'ffmpeg', args: slowVideo(2) });
    recorded.process.start();
    expect(await recorded.ended()).toBeUndefined();
    const last = recorded.progress.at(-1)!;
    expect(last.frame).toBe(50);
    expect(last.outTimeMs).toBeGreaterThan(1_800);
    expect(last.speed).toBeGreaterThan(0);
    expect(last.bitrateKbps).toBeGreaterThan(1);
    expect(last).toMatchObject({ dupFrames: 0, dropFrames: 0 });
    expect(recorded.progress.length).toBeGreaterThanOrEqual(3);
  });
});

/** More than a pipe holds, as fast as it can. */
function rawVideo(): string[] {
  return '-f lavfi -i testsrc2=s=320x240 -f rawvideo pipe:1'.split(' ');
}

/** In real time. */
function slowVideo(seconds = 600): string[] {
  return `-re -f lavfi -i testsrc2=s=64x64:d=${seconds} -c:v mpeg2video -f mpegts -flush_packets 1 pipe:1`.split(
    ' ',
  );
}
