import { Writable } from 'node:stream';
import { StreampoolError } from '@streampool/errors';
import { SqliteClusterState } from '@streampool/state';
import { pino } from 'pino';
import {
  createGateway,
  type Gateway,
  type GatewayConfig,
  type GatewayOptions,
  type TranscodeApi,
} from '../src/index.ts';
import { FakeEngine } from './fake-engine.ts';

export const NODE_ID = 'node-1';

const CONFIG: GatewayConfig = {
  host: '127.0.0.1',
  port: 0,
  rootPath: '',
  trustedProxies: ['loopback'],
  streamUrlTtlMs: 3_600_000,
  defaultUserAgent: 'Streampool/test',
  bodyLimitBytes: 64 * 1024,
  readyTimeoutMs: 10_000,
  closeTimeoutMs: 300,
  facts: {
    clientTimeoutMs: 30_000,
    streamTimeoutMs: 10_000,
    sharedStreamTimeoutMs: 10_000,
    cleanupIntervalMs: 30_000,
    heartbeatIntervalMs: 5_000,
    maxClientsPerSharedStream: 0,
    sharingStrategy: 'url_profile',
  },
};

const transcode: TranscodeApi = {
  listProfiles: () => [
    { name: 'default', description: 'The default', parameters: '-i {input_url} -b:v {video_bitrate|2M}' },
  ],
  defaultVariables: () => ({ video_bitrate: '2M' }),
  abilities: () => ({ ffmpegVersion: 'ffmpeg version 5.1' }),
  resolve({ profile, variables, outputFormat }) {
    if (profile !== 'default' && !profile.startsWith('-')) {
      throw new StreampoolError('PROFILE_UNKNOWN', `There is no profile ${profile}`, { info: { profile } });
    }
    const bitrate = variables.video_bitrate ?? '2M';
    return {
      profile: profile.startsWith('-') ? 'custom' : profile,
      variables: { video_bitrate: bitrate },
      args: ['-i', '{input_url}', '-b:v', bitrate, '-f', outputFormat ?? 'mpegts', 'pipe:1'],
      format: outputFormat ?? 'mpegts',
      dropped: [],
    };
  },
};

/** A gateway that listens, with everything around it in the test's hands. */
export class GatewayUnderTest {
  readonly engine: FakeEngine;
  readonly state: SqliteClusterState;
  readonly gateway: Gateway;
  /** Everything that was logged, line by line. */
  readonly logged: string[] = [];
  url = '';

  private constructor(options: Partial<GatewayOptions>, config: Partial<GatewayConfig>) {
    this.engine = new FakeEngine();
    this.state = new SqliteClusterState({ path: ':memory:' });
    const sink = new Writable({
      write: (chunk, _encoding, done) => {
        this.logged.push(String(chunk));
        done();
      },
    });
    this.gateway = createGateway({
      state: this.state,
      engine: this.engine,
      transcode,
      probe: async () => ({ status: 200 }),
      config: { ...CONFIG, ...config },
      log: pino({ level: 'trace' }, sink),
      version: '0.0.0-test',
      nodeId: NODE_ID,
      ...options,
    });
  }

  static async start(
    config: Partial<GatewayConfig> = {},
    options: Partial<GatewayOptions> = {},
  ): Promise<GatewayUnderTest> {
    const it = new GatewayUnderTest(options, config);
    it.url = `http://127.0.0.1:${await it.gateway.listen()}`;
    started.add(it);
    return it;
  }

  get(path: string, init?: RequestInit): Promise<Response> {
    return fetch(this.url + path, init);
  }

  /** `body` goes as JSON unless it is text already. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return fetch(this.url + path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  /** Defines a stream and answers its id. */
  async define(body: Record<string, unknown>, path = '/streams'): Promise<string> {
    const response = await this.send('POST', path, body);
    const answer = (await response.json()) as { stream_id: string };
    if (response.status !== 200) throw new Error(`${response.status}: ${JSON.stringify(answer)}`);
    return answer.stream_id;
  }

  async close(): Promise<void> {
    const closed = this.gateway.close();
    await this.engine.close();
    await closed;
    await this.state.close();
  }
}

const started = new Set<GatewayUnderTest>();

/** For `afterEach`. */
export async function closeAll(): Promise<void> {
  const all = [...started];
  started.clear();
  await Promise.all(all.map((it) => it.close()));
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
export async function json(response: Response | Promise<Response>): Promise<any> {
  return (await response).json();
}
