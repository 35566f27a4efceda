import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CreatedStream,
  createStream,
  FakeProvider,
  makeSample,
  Player,
  type PlayerOptions,
  type Sample,
  type StreampoolOptions,
  type StreampoolProcess,
  startStreampool,
} from '@streampool/testkit';

/**
 * Times of a server under test, in seconds as operators give them. Short are those which tests see pass; a first picture
 * has the time that an FFmpeg beside others on a busy machine may take, and who is late by two seconds is not lost.
 */
export const TIMES = {
  SHARED_STREAM_TIMEOUT: '1',
  STREAM_TIMEOUT: '15',
  STALL_TIMEOUT: '5',
  CLIENT_TIMEOUT: '5',
};

/** FFmpeg that only copies: it costs little, and its pictures come as fast as the source's. */
export const COPY = '-i {input_url} -c copy -f mpegts pipe:1';

/** A server in a process of its own, a provider, and viewers: everything a test plays with. */
export class Stage {
  server!: StreampoolProcess;
  provider!: FakeProvider;
  /** 4 s with a keyframe every second, at 1.5 Mbit/s: enough bytes to see something in a short time. */
  sample!: Sample;
  readonly #players: Player[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'streampool-e2e-'));

  async open({ env = {}, ...options }: StreampoolOptions = {}): Promise<void> {
    this.sample = await makeSample({ seconds: 4, gopSeconds: 1, videoKbps: 1_400, constantRate: true });
    this.provider = await FakeProvider.start();
    this.server = await startStreampool({ ...options, env: { ...TIMES, ...env } });
  }

  create(kind: 'streams' | 'transcode', body: Readonly<Record<string, unknown>>): Promise<CreatedStream> {
    return createStream(this.server, kind, body);
  }

  play(url: string, options?: PlayerOptions): Player {
    const player = new Player(url, options);
    this.#players.push(player);
    return player;
  }

  /** A path for a file that goes with the stage. */
  file(name: string): string {
    return join(this.#directory, name);
  }

  async hangUp(): Promise<void> {
    await Promise.all(this.#players.splice(0).map((player) => player.close()));
  }

  /** A server that has crashed is the reason for whatever failed after it. */
  mustRun(): void {
    if (this.server && !this.server.running)
      throw new Error(`the server has ended:\n${this.server.logs().slice(-3_000)}`);
  }

  async close(): Promise<void> {
    await this.hangUp();
    await this.server?.stop();
    await this.provider?.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A stage for all tests of a file. Viewers go after each test. */
export function useStage(options?: StreampoolOptions): Stage {
  const stage = new Stage();
  beforeAll(() => stage.open(options));
  afterEach(() => stage.hangUp());
  afterEach(() => stage.mustRun());
  afterAll(() => stage.close());
  return stage;
}
