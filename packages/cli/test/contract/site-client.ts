import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FakeProvider, Player, waitFor } from '@streampool/testkit';

/** An installation that clients know by the addresses of its gateways. */
export interface Site {
  /** Any of them answers for the whole. */
  readonly gateways: readonly { readonly url: string }[];
  readonly provider: FakeProvider;
  /** Serves `path` as a live stream. */
  live(path: string): void;
  /** Serves a live playlist below `directory`. */
  hls(directory: string): void;
}

export const TOKEN = 'a-token-of-sixteen-characters';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
export type Json = any;

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Text, where it is no JSON. */
  readonly body: Json;
}

/** Asks a site as its clients do. Each request goes to another gateway than the one before it. */
export class SiteClient {
  readonly #site: () => Site;
  readonly #closing: (() => unknown)[] = [];
  #turn = 0;

  constructor(site: () => Site) {
    this.#site = site;
  }

  /** The gateway whose turn it is. */
  readonly gateway = (): string => {
    const { gateways } = this.#site();
    this.#turn += 1;
    return gateways[this.#turn % gateways.length]!.url;
  };

  readonly call = (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answered> =>
    send(`${this.gateway()}${path}`, method, body, { 'X-API-Token': TOKEN, ...headers });

  readonly get = (path: string): Promise<Answered> => this.call('GET', path);

  /** What the creation of a stream answers. */
  readonly create = async (body: Record<string, unknown>, path = '/streams'): Promise<Json> => {
    const { status, body: answer } = await this.call('POST', path, body);
    expect({ status, answer }).toMatchObject({ status: 200 });
    return answer;
  };

  /** Where the provider has a live stream from now on. */
  readonly url = (path: string): string => {
    this.#site().live(path.split('?')[0]!);
    return this.#site().provider.url(path);
  };

  readonly watch = async (id: string, query = ''): Promise<Player> => {
    const player = new Player(`${this.gateway()}/stream/${id}${query}`);
    this.#closing.push(() => player.close());
    await player.waitForMedia(0.2);
    return player;
  };

  /** Resolves when every gateway says so. */
  readonly seen = (path: string, is: (body: Json) => boolean): Promise<unknown> =>
    waitFor(
      async () => {
        const answers = await Promise.all(this.#site().gateways.map(() => this.get(path)));
        return answers.every(({ body }) => is(body));
      },
      { what: `${path} to say so` },
    );

  /** A resolver that names this source; keeps what it was asked. */
  readonly resolver = async (next: string): Promise<{ readonly url: string; readonly asked: Json[] }> => {
    const asked: Json[] = [];
    const server = createServer((req, res) => {
      let text = '';
      req.on('data', (chunk) => {
        text += chunk;
      });
      req.on('end', () => {
        asked.push(JSON.parse(text));
        res.setHeader('content-type', 'application/json');
        res.end(JSON.stringify({ next_url: next }));
      });
    }).listen(0, '127.0.0.1');
    this.closeLater(() => server.close());
    await once(server, 'listening');
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/next`, asked };
  };

  readonly closeLater = (close: () => unknown): void => {
    this.#closing.push(close);
  };

  /** For `afterEach`: ends the players and servers of a test. */
  readonly close = async (): Promise<void> => {
    await Promise.all(this.#closing.splice(0).map((close) => close()));
  };
}

/** One request over a connection of its own. */
export function send(
  url: string,
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const sent =
      text === undefined
        ? headers
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers };
    const asked = request(url, { method, agent: false, headers: sent, timeout: 60_000 }, (response) => {
      let got = '';
      response.on('data', (chunk) => {
        got += chunk;
      });
      response.on('end', () => {
        const isJson = response.headers['content-type']?.includes('json') && got !== '';
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: isJson ? JSON.parse(got) : got,
        });
      });
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error(`${method} ${url} was not answered`)));
    asked.on('error', reject);
    asked.end(text);
  });
}
