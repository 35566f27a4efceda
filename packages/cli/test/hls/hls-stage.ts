import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chromiumPath,
  createStream,
  FakeProvider,
  HlsBrowser,
  type HlsKindMedia,
  HlsReader,
  type HlsReaderOptions,
  makeHlsKindMedia,
  type StreampoolProcess,
  startStreampool,
} from '@streampool/testkit';

/** By which a busy machine may hold up a provider, a server or who reads, ms. The benchmark of the players allows none of it. */
const BUSY_MS = 4_000;

/** A server in a process of its own, a provider of HLS, a browser, and readers that check what they are given. */
export class HlsStage {
  server!: StreampoolProcess;
  provider!: FakeProvider;
  media!: HlsKindMedia;
  /** Undefined where there is no Chromium. */
  browser: HlsBrowser | undefined;
  readonly directory = mkdtempSync(join(tmpdir(), 'streampool-hls-'));
  readonly #readers: HlsReader[] = [];

  async open({
    browser = false,
    env = {},
  }: {
    browser?: boolean;
    env?: Record<string, string>;
  } = {}): Promise<void> {
    this.media = await makeHlsKindMedia();
    this.provider = await FakeProvider.start({ keepAliveMs: 10_000 });
    this.server = await startStreampool({ env: { STALL_TIMEOUT: '6', ...env } });
    if (browser && chromiumPath()) this.browser = await HlsBrowser.start();
  }

  /** Creates a stream and answers the URL of its playlist. */
  async create(kind: 'streams' | 'transcode', body: Readonly<Record<string, unknown>>): Promise<string> {
    const { id } = await createStream(this.server, kind, body);
    return `${this.server.url}/hls/${id}/playlist.m3u8`;
  }

  read(url: string, options?: HlsReaderOptions): HlsReader {
    const reader = new HlsReader(url, { slackMs: BUSY_MS, ...options });
    this.#readers.push(reader);
    return reader;
  }

  async hangUp(): Promise<void> {
    await Promise.all(this.#readers.splice(0).map((reader) => reader.close()));
  }

  /** A server that has crashed is the reason for whatever failed after it. */
  mustRun(): void {
    if (this.server && !this.server.running)
      throw new Error(`the server has ended:\n${this.server.logs().slice(-3_000)}`);
  }

  async close(): Promise<void> {
    await this.hangUp();
    await this.browser?.close();
    await this.server?.stop();
    await this.provider?.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A stage for all tests of a file. Readers go after each test. */
export function useHlsStage(options?: Parameters<HlsStage['open']>[0]): HlsStage {
  const stage = new HlsStage();
  beforeAll(() => stage.open(options));
  afterEach(() => stage.hangUp());
  afterEach(() => stage.mustRun());
  afterAll(() => stage.close());
  return stage;
}
