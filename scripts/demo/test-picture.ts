import { type ChildProcess, spawn, spawnSync } from 'node:child_process';

/** The newest bytes that a new viewer is sent at once, so that a picture is there without waiting: about 2 s. */
const KEPT_BYTES = 1024 * 1024;
const PACKET = 188;

/**
 * A live channel as a provider has it: FFmpeg draws a test picture with a running clock and a beep, in real time, as
 * an MPEG transport stream. Whoever listens gets the same bytes.
 */
export class TestPicture {
  readonly #listeners = new Set<(chunk: Buffer) => void>();
  readonly #clock = hasFilter('drawtext');
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Bytes that have come before what is kept. */
  #before = 0;
  #child: ChildProcess | undefined;
  #closed = false;

  constructor() {
    this.#start();
  }

  /** Calls the listener with what is kept, and then with everything new. Answers how to stop it. */
  listen(listener: (chunk: Buffer) => void): () => void {
    // Chunks come from a pipe, cut anywhere: begin with a whole packet.
    listener(Buffer.concat(this.#kept).subarray((PACKET - (this.#before % PACKET)) % PACKET));
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#child?.kill('SIGKILL');
  }

  #start(): void {
    const picture = ['testsrc2=size=960x540:rate=25'];
    if (this.#clock)
      picture.push(
        "drawtext=text='%{localtime\\:%T}':fontsize=72:fontcolor=white:box=1:boxborderw=16:boxcolor=black@0.6:x=(w-tw)/2:y=h-140",
      );
    const child = spawn(
      'ffmpeg',
      [
        ...['-v', 'error', '-nostdin', '-re', '-f', 'lavfi', '-i', picture.join(',')],
        ...['-re', '-f', 'lavfi', '-i', 'sine=frequency=440:beep_factor=2:sample_rate=48000'],
        ...['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p'],
        ...['-g', '50', '-b:v', '2500k', '-maxrate', '2500k', '-bufsize', '2500k'],
        ...[
          '-c:a',
          'aac',
          '-b:a',
          '96k',
          '-metadata',
          'service_name=Streampool demo',
          '-f',
          'mpegts',
          'pipe:1',
        ],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => this.#take(chunk));
    child.on('error', () => {}); // scripts/start has made sure that there is an ffmpeg
    child.on('close', () => {
      this.#kept = [];
      this.#keptBytes = 0;
      this.#before = 0;
      if (!this.#closed) setTimeout(() => this.#start(), 1_000).unref();
    });
  }

  #take(chunk: Buffer): void {
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
    while (this.#keptBytes > KEPT_BYTES) {
      const { length } = this.#kept.shift()!;
      this.#keptBytes -= length;
      this.#before += length;
    }
    for (const listener of this.#listeners) listener(chunk);
  }
}

/** Whether this ffmpeg can draw text: a font is part of it in Debian's package, but not everywhere. */
function hasFilter(name: string): boolean {
  const source = `color=size=64x64,${name}=text=1`;
  const trial = spawnSync('ffmpeg', [
    '-v',
    'quiet',
    '-nostdin',
    '-f',
    'lavfi',
    '-i',
    source,
    '-frames:v',
    '1',
    '-f',
    'null',
    '-',
  ]);
  return trial.status === 0;
}
