import type { HlsAnswer, HlsResume } from '@streampool/hls';
import type { EngineEvents } from '@streampool/streaming';
import { HttpUpstreamClient, type HttpUpstreamClientOptions } from '@streampool/upstream';
import { HlsProxy, type HlsProxyOptions } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';

const open = new Set<HlsProxy>();
afterEach(async () => {
  await Promise.all([...open].map((proxy) => proxy.close()));
  open.clear();
});

export interface Told {
  readonly event: keyof EngineEvents;
  readonly [figure: string]: unknown;
}

export interface Host {
  readonly proxy: HlsProxy;
  readonly clock: ManualClock;
  readonly client: HttpUpstreamClient;
  readonly told: Told[];
  get(
    path: string,
    more?: { query?: string; range?: string; resume?: HlsResume; signal?: AbortSignal },
  ): Promise<HlsAnswer>;
  /** A playlist's text. */
  text(path?: string, more?: { query?: string; resume?: HlsResume }): Promise<string>;
  /** All of a body. */
  bytes(path: string, range?: string): Promise<Buffer>;
}

export const SECRET = 'a secret of more than sixteen characters';

export function host(
  url: string,
  {
    failoverUrls = [],
    headers = {},
    settings = {},
    client: clientOptions = {},
    ...more
  }: {
    failoverUrls?: string[];
    headers?: Record<string, string>;
    settings?: Partial<HlsProxyOptions['settings']>;
    client?: HttpUpstreamClientOptions;
  } & Partial<Omit<HlsProxyOptions, 'settings' | 'client'>> = {},
): Host {
  const clock = new ManualClock();
  const client = new HttpUpstreamClient(clientOptions);
  const told: Told[] = [];
  const proxy = new HlsProxy({
    spec: { id: 'one', kind: 'shared', target: { url, headers }, failoverUrls },
    ...{ client, clock, tokenSecret: SECRET, random: () => 0 },
    settings: {
      ...{ sharedStreamTimeoutMs: 10_000, streamTimeoutMs: 3_000, connectTimeoutMs: 1_000, maxAttempts: 12 },
      ...settings,
    },
    emit: (event, figures) => told.push({ ...figures, event }),
    ...more,
  });
  open.add(proxy);
  const get: Host['get'] = (path, { query = '', signal = new AbortController().signal, ...rest } = {}) =>
    proxy.answer({ path, query: new URLSearchParams(query), ...rest }, signal);
  return {
    ...{ proxy, clock, client, told, get },
    text: async (path = 'playlist.m3u8', options = {}) => {
      const { body, kind } = await get(path, options);
      if (kind !== 'playlist' || !Buffer.isBuffer(body)) throw new Error('this is no playlist');
      return body.toString();
    },
    bytes: async (path, range) => bodyOf(await get(path, range === undefined ? {} : { range })),
  };
}

export async function bodyOf({ body }: HlsAnswer): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body;
  const chunks: Buffer[] = [];
  for await (const chunk of body.open()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The paths below the stream's folder that a playlist leads to, in order: lines and attributes. */
export function pathsIn(text: string): string[] {
  return [...text.matchAll(/(?:segment|variant)\/[\w-]+\.[a-z0-9]+/g)].map(([path]) => path);
}

export function numberIn(text: string, tag: string): number {
  return Number(new RegExp(`^#${tag}:(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}
