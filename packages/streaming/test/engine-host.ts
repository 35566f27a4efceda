import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isStreampoolError } from '@streampool/errors';
import { Door, HttpUpstreamClient } from '@streampool/upstream';
import { pino } from 'pino';
import {
  type ClusterOptions,
  DEFAULT_ENGINE_SETTINGS,
  type EngineEvents,
  type EngineSettings,
  StreamEngine,
  type StreamSpec,
} from '../src/index.ts';

/** Copies; the probing is as short as in the profiles. */
const REMUX = [
  ...['-fflags', '+genpts', '-analyzeduration', '1000000', '-fpsprobesize', '0'],
  ...['-i', '{input_url}', '-map', '0', '-c', 'copy'],
  ...['-muxdelay', '0', '-muxpreload', '0', '-flush_packets', '1', '-f', 'mpegts', 'pipe:1'],
];

/** An engine behind a bare HTTP server: `/<stream id>?client_id=…` plays a spec. What a gateway would be. */
export class EngineHost {
  readonly engine: StreamEngine;
  readonly events: { [K in keyof EngineEvents]: EngineEvents[K][0] & { event: K } }[keyof EngineEvents][] =
    [];
  /** Looks at requests first; true: it has taken this one. */
  onInternal?: (req: IncomingMessage, res: ServerResponse, url: URL) => boolean;
  readonly #door: Door;
  readonly #server: Server;
  readonly #specs = new Map<string, StreamSpec>();
  #clients = 0;

  static async start(settings: Partial<EngineSettings> = {}, cluster?: ClusterOptions): Promise<EngineHost> {
    const client = new HttpUpstreamClient();
    const door = await Door.listen({
      client,
      timeouts: { connectMs: 5_000, firstByteMs: 5_000, stallMs: 6_000 },
    });
    const host = new EngineHost(client, door, settings, cluster);
    host.#server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 });
    await once(host.#server, 'listening');
    return host;
  }

  private constructor(
    client: HttpUpstreamClient,
    door: Door,
    settings: Partial<EngineSettings>,
    cluster?: ClusterOptions,
  ) {
    this.#door = door;
    this.engine = new StreamEngine({
      settings: { ...DEFAULT_ENGINE_SETTINGS, deliveryIntervalMs: 50, ...settings },
      client,
      door,
      log: pino({ level: 'silent' }),
      ...(cluster && { cluster }),
    });
    for (const event of [
      'pool_state',
      'source_switched',
      'viewer_attached',
      'viewer_detached',
      'viewer_skipped',
      'noted',
    ] as const)
      this.engine.on(event, (info: object) => this.events.push({ event, ...info } as never));
    this.#server = createServer((req, res) => {
      const url = new URL(req.url ?? '/', 'http://host');
      if (this.onInternal?.(req, res, url)) return;
      const spec = this.#specs.get(url.pathname.slice(1));
      if (!spec) {
        res.writeHead(404).end();
        return;
      }
      this.#clients += 1;
      this.engine
        .watch(spec, {
          clientId: url.searchParams.get('client_id') ?? `client-${this.#clients}`,
          ip: '127.0.0.1',
          userAgent: 'test',
          requestId: `r${this.#clients}`,
          req,
          res,
        })
        .catch((error: unknown) => {
          if (!isStreampoolError(error)) throw error;
          res.writeHead(error.status, { 'Content-Type': 'application/json' });
          res.end(JSON.stringify({ code: error.code, detail: error.message }));
        });
    });
  }

  /** Makes a stream known and returns the URL that plays it. */
  add(spec: Partial<StreamSpec> & { url: string }): string {
    const { url, ...rest } = spec;
    const full: StreamSpec = {
      id: `stream-${this.#specs.size}`,
      kind: 'shared',
      target: { url, headers: {} },
      failoverUrls: [],
      contentType: 'video/mp2t',
      ...rest,
    };
    const complete = full.kind === 'transcode' && !full.ffmpegArgs ? { ...full, ffmpegArgs: REMUX } : full;
    this.#specs.set(complete.id, complete);
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${complete.id}`;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  spec(id: string): StreamSpec {
    return this.#specs.get(id)!;
  }

  /** What the death of the process would be to others: every connection is reset and none is taken any more. */
  die(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** The states that pools went to, in order. */
  get states(): string[] {
    return this.events.flatMap((event) => (event.event === 'pool_state' ? [event.to] : []));
  }

  async close(): Promise<void> {
    await this.engine.close();
    await this.#door.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
