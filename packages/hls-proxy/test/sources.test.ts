import { StreampoolError } from '@streampool/errors';
import { waitFor } from '@streampool/testkit';
import type { ConnectionHolder, ConnectionSlots, Slot } from '@streampool/upstream';
import type { HlsProxyOptions } from '../src/index.ts';
import { LiveChannel, media, Provider } from './provider.ts';
import { type Host, host, numberIn, pathsIn } from './proxy-host.ts';

async function two(options: Parameters<typeof host>[1] = {}) {
  const provider = await Provider.start();
  const a = new LiveChannel(provider, '/a/', 'a', { sequence: 100 });
  const b = new LiveChannel(provider, '/b/', 'b', { sequence: 7 });
  return { provider, a, b, ...host(a.url, { failoverUrls: [b.url], ...options }) };
}

const codes = ({ told }: Pick<Host, 'told'>, type: string) =>
  told.filter((one) => one.type === type).map(({ code }) => code);

test.each([
  ['404', (provider: Provider) => provider.status('/a/index.m3u8', 404), 'UPSTREAM_STATUS'],
  ['a page', (provider: Provider) => provider.serve('/a/index.m3u8', '<html>'), 'UPSTREAM_NOT_MEDIA'],
  [
    'a cut',
    (provider: Provider) => provider.route('/a/index.m3u8', (req) => req.socket.destroy()),
    'UPSTREAM_CUT',
  ],
])('a source whose playlist is %s is left at once, also before it has played', async (_, fault, code) => {
  const it = await two();
  fault(it.provider);
  const text = await it.text();
  expect(text).toContain('MEDIA-SEQUENCE:7');
  expect(codes(it, 'source_refused')).toEqual([code]);
  expect(it.proxy.snapshot()).toMatchObject({ state: 'live', failoverIndex: 1 });
});

test('silence is answered with the playlist as it was, until the next source plays', async () => {
  const it = await two({ settings: { streamTimeoutMs: 2_400 } });
  const first = await it.text();
  it.provider.route('/a/index.m3u8', () => {});
  it.clock.advance(6_001);
  const asked = it.get('playlist.m3u8');
  await waitFor(() => it.provider.active === 1);
  it.clock.advance(3_001);
  const stale = await asked;
  expect(stale.body.toString()).toBe(first);
  expect(stale.maxAgeMs).toBeLessThanOrEqual(250);
  await waitFor(() => it.proxy.snapshot().failoverIndex === 1 && it.proxy.snapshot().state === 'live');
  expect(await it.text()).toContain('EXT-X-DISCONTINUITY');
  expect(codes(it, 'source_lost')).toEqual(['UPSTREAM_TIMEOUT']);
});

test('a reload that is never answered is given up when the next segment is due, and made again', async () => {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/a/', 'a', { seconds: 2 });
  const it = host(channel.url, { settings: { streamTimeoutMs: 60_000 } });
  const first = await it.text();
  channel.move();
  provider.route('/a/index.m3u8', () => {
    provider.serve('/a/index.m3u8', () => channel.playlist());
  });
  it.clock.advance(2_001);
  const asked = it.text();
  await waitFor(() => provider.count('/a/index.m3u8') === 2);
  // Players have the last one meanwhile.
  it.clock.advance(1_001);
  expect(await asked).toBe(first);
  await waitFor(() => provider.count('/a/index.m3u8') === 3);
  await waitFor(async () => (await it.text()) !== first);
  expect(it.proxy.snapshot()).toMatchObject({ state: 'live', failoverIndex: 0, failoverAttempts: 0 });
  expect(codes(it, 'source_lost')).toEqual([]);
});

test('of a resolver that is of no use the log tells', async () => {
  const provider = await Provider.start();
  const { url } = new LiveChannel(provider, '/a/', 'a');
  const resolverUrl = provider.url('/next');
  const warnings: object[] = [];
  const log = { warn: (fields: object) => warnings.push(fields) } as NonNullable<HlsProxyOptions['log']>;
  const spec = {
    id: 'one',
    kind: 'shared',
    target: { url, headers: {} },
    failoverUrls: [],
    resolverUrl,
  } as const;
  const it = host(url, { spec, log });
  await it.text();
  provider.status('/next', 500);
  provider.status('/a/index.m3u8', 404);
  it.clock.advance(6_001);
  // Answered when its patience is over.
  const asked = it.get('playlist.m3u8');
  await waitFor(() => warnings.length > 0);
  it.clock.advance(3_001);
  await asked;
  expect(warnings[0]).toMatchObject({ streamId: 'one', code: 'UPSTREAM_STATUS' });
});

test('a live playlist that does not move on for three target durations is left', async () => {
  const it = await two();
  await it.text();
  for (const _ of [1, 2]) {
    it.clock.advance(6_001);
    await it.text();
  }
  expect(it.proxy.snapshot().failoverIndex).toBe(0);
  it.clock.advance(6_001);
  await it.text();
  await waitFor(() => it.proxy.snapshot().failoverIndex === 1);
  it.clock.advance(3_001);
  expect(await it.text()).toContain('EXT-X-DISCONTINUITY');
  expect(codes(it, 'source_lost')).toEqual(['UPSTREAM_TIMEOUT']);
});

test('segments that cannot be had although they are listed: another source; old ones are nobody’s fault', async () => {
  const it = await two();
  const [first = '', second = '', third = ''] = pathsIn(await it.text());
  it.provider.status('/a/a-0.ts', 404);
  it.a.move();
  it.clock.advance(3_001);
  const next = await it.text();
  await expect(it.bytes(first)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  it.provider.status('/a/a-1.ts', 503);
  await expect(it.bytes(second)).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  expect(it.provider.count('/a/a-1.ts')).toBe(2);
  expect(it.proxy.snapshot().failoverIndex).toBe(0);
  expect(await it.bytes(third)).toEqual(media('a-2.ts'));
  it.provider.status('/a/a-3.ts', 404);
  await expect(it.bytes(second)).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  await expect(it.bytes(pathsIn(next).at(-1)!)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  it.clock.advance(3_001);
  const last = await it.text();
  expect(it.proxy.snapshot().failoverIndex).toBe(1);
  // Its newest could not be had: its number stays, nobody has to ask for it, and who does is not a reason to ask the provider.
  expect(numberIn(last, 'EXT-X-MEDIA-SEQUENCE')).toBe(103);
  expect(last).toMatch(/EXT-X-GAP\n#EXTINF.*\nsegment.*\n#EXT-X-DISCONTINUITY\n/);
  const asked = it.provider.count('/a/a-3.ts');
  await expect(it.bytes(pathsIn(last)[0]!)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(it.provider.count('/a/a-3.ts')).toBe(asked);
  expect(await it.bytes(pathsIn(last)[1]!)).toEqual(media('b-1.ts'));
});

test('what players ask of the source before is not held against the one that plays', async () => {
  const it = await two();
  const paths = pathsIn(await it.text());
  for (const n of [0, 1, 2]) it.provider.status(`/a/a-${n}.ts`, 403);
  for (const path of paths.slice(0, 2))
    await expect(it.bytes(path)).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  // Its playlist is not asked for before the players have gone on asking for what they know.
  let release = (): void => {};
  it.provider.route('/b/index.m3u8', (_req, res) => {
    release = () => void res.end(it.b.playlist());
  });
  await waitFor(() => it.provider.count('/b/index.m3u8') === 1);
  for (const path of [...paths, ...paths])
    await expect(it.bytes(path)).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  release();
  await waitFor(() => it.proxy.snapshot().state === 'live');
  expect(it.proxy.snapshot()).toMatchObject({ failoverIndex: 1, failoverAttempts: 1 });
  expect(await it.text()).toContain('EXT-X-DISCONTINUITY');
});

test('one variant that is missing is not the source’s end; its player is told', async () => {
  const provider = await Provider.start();
  new LiveChannel(provider, '/v1/', 'v1');
  new LiveChannel(provider, '/v2/', 'v2');
  const master = ['v1', 'v2']
    .map((name, n) => `#EXT-X-STREAM-INF:BANDWIDTH=${n + 1}000000\n${name}/index.m3u8\n`)
    .join('');
  provider.serve('/master.m3u8', `#EXTM3U\n${master}`);
  const it = host(provider.url('/master.m3u8'));
  const [low = '', high = ''] = pathsIn(await it.text());
  await it.text(low);
  provider.status('/v2/index.m3u8', 404);
  await expect(it.text(high)).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  expect(await it.text(low)).toContain('#EXTINF');
  expect(it.proxy.snapshot()).toMatchObject({ state: 'live', failoverIndex: 0 });
});

test('players that hold addresses of one source’s variants go on with those of the next that are most like them', async () => {
  const provider = await Provider.start();
  const names = ['a1', 'a2', 'asound', 'b1', 'b2', 'b3', 'bsound'];
  for (const name of names) new LiveChannel(provider, `/${name}/`, name);
  const multivariant = (sound: string, variants: [name: string, bandwidth: number][]): string =>
    `#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="g",NAME="x",LANGUAGE="en",URI="${sound}/index.m3u8"\n${variants
      .map(([name, bandwidth]) => `#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth},AUDIO="g"\n${name}/index.m3u8\n`)
      .join('')}`;
  provider.serve(
    '/a.m3u8',
    multivariant('asound', [
      ['a1', 900_000],
      ['a2', 5_000_000],
    ]),
  );
  provider.serve(
    '/b.m3u8',
    multivariant('bsound', [
      ['b1', 500_000],
      ['b2', 1_000_000],
      ['b3', 4_000_000],
    ]),
  );
  const it = host(provider.url('/a.m3u8'), { failoverUrls: [provider.url('/b.m3u8')] });
  const [sound = '', low = '', high = ''] = pathsIn(await it.text());
  for (const path of [sound, low, high]) await it.text(path);
  await it.proxy.failover();
  it.clock.advance(6_001);
  const found: string[] = [];
  for (const path of [sound, low, high]) {
    const text = await it.text(path);
    expect(text).toContain('#EXT-X-DISCONTINUITY\n');
    expect(numberIn(text, 'EXT-X-MEDIA-SEQUENCE')).toBeGreaterThan(0);
    const body = await it.bytes(pathsIn(text).at(-1)!);
    found.push(...names.filter((name) => body.equals(media(`${name}-2.ts`))));
  }
  expect(found).toEqual(['bsound', 'b2', 'b3']);
  // Who comes now gets the addresses of the source that plays.
  expect(pathsIn(await it.text())).toHaveLength(4);
  expect(it.told).toContainEqual(expect.objectContaining({ event: 'source_switched', reason: 'MANUAL' }));
});

test('a session of the provider that has ended is begun anew, under the same addresses', async () => {
  const provider = await Provider.start();
  let session = 1;
  provider.serve(
    '/master.m3u8',
    () => `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv/index.m3u8?session=${session}\n`,
  );
  const channel = new LiveChannel(provider, '/v/', 'v');
  provider.route('/v/index.m3u8', (req, res) => {
    if (req.url?.endsWith(`session=${session}`)) res.end(channel.playlist());
    else res.writeHead(403).end();
  });
  const it = host(provider.url('/master.m3u8'));
  const [variant = ''] = pathsIn(await it.text());
  await it.text(variant);
  session = 2;
  channel.move();
  it.clock.advance(6_000);
  expect(numberIn(await it.text(variant), 'EXT-X-MEDIA-SEQUENCE')).toBe(1);
  expect(it.proxy.snapshot()).toMatchObject({ state: 'live', restarts: 0 });
});

test('a segment that is on its way when its source is left still arrives', async () => {
  const it = await two();
  const [path = ''] = pathsIn(await it.text());
  let finish = (): void => {};
  it.provider.route('/a/a-0.ts', (_req, res) => {
    res.writeHead(200, { 'content-length': 1_880 }).write(media('a-0.ts').subarray(0, 188));
    finish = () => void res.end(media('a-0.ts').subarray(188));
  });
  const body = it.bytes(path);
  await waitFor(() => it.provider.count('/a/a-0.ts') === 1);
  it.provider.status('/a/index.m3u8', 503);
  it.clock.advance(6_001);
  await it.text();
  expect(it.proxy.snapshot().failoverIndex).toBe(1);
  finish();
  expect(await body).toEqual(media('a-0.ts'));
});

test('without hope left it fails: whoever asks is told why, and it is over', async () => {
  const provider = await Provider.start();
  provider.status('/a', 404);
  provider.status('/b', 503);
  const it = host(provider.url('/a'), { failoverUrls: [provider.url('/b')] });
  await expect(it.text()).rejects.toMatchObject({ code: 'STREAM_FAILED' });
  await it.proxy.closed;
  expect(it.proxy.snapshot()).toMatchObject({
    state: 'failed',
    lastError: expect.stringContaining('primary'),
  });
  expect(it.told.filter(({ event }) => event === 'pool_state').map(({ to }) => to)).toEqual([
    'starting',
    'failed',
  ]);
});

test('a source that fails is asked again, with growing pauses, and players keep what they have', async () => {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/a/', 'a');
  const it = host(channel.url);
  const first = await it.text();
  provider.status('/a/index.m3u8', 503);
  it.clock.advance(6_001);
  const asked = it.text();
  await waitFor(() => provider.count('/a/index.m3u8') === 3);
  expect(it.proxy.snapshot().state).toBe('switching');
  it.clock.advance(3_001);
  expect(await asked).toBe(first);
  channel.move();
  provider.serve('/a/index.m3u8', () => channel.playlist());
  await waitFor(async () => {
    it.clock.advance(500);
    return it.proxy.snapshot().state === 'live';
  });
  const text = await it.text();
  expect(numberIn(text, 'EXT-X-MEDIA-SEQUENCE')).toBe(1);
  expect(text).not.toContain('DISCONTINUITY');
});

test('a switch that is asked for looks at the other source first; if that is no good, all stays as it was', async () => {
  const it = await two();
  await it.text();
  it.provider.status('/b/index.m3u8', 404);
  await expect(it.proxy.failover()).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  expect(it.proxy.snapshot()).toMatchObject({ state: 'live', failoverIndex: 0 });
  it.provider.serve('/b/index.m3u8', it.b.playlist());
  expect(await it.proxy.failover({ index: 1 })).toEqual({
    failoverIndex: 1,
    failoverAttempts: expect.any(Number),
  });
  await expect(it.proxy.failover({ index: 2 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  await expect(host(it.a.url).proxy.failover()).rejects.toMatchObject({ code: 'FAILOVER_NOT_CONFIGURED' });
});

test('back to the primary, once it has shown beside what plays that it moves on', async () => {
  const it = await two({ settings: { failbackAfterMs: 60_000 } });
  it.provider.status('/a/index.m3u8', 503);
  await it.text();
  expect(it.proxy.snapshot().failoverIndex).toBe(1);
  const play = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 3_000) {
      if (left % 6_000 === 0) it.b.move();
      it.clock.advance(3_000);
      await it.text();
    }
  };
  await play(60_000);
  await waitFor(() => codes(it, 'failback_failed').length === 1);
  it.provider.serve('/a/index.m3u8', () => it.a.playlist());
  await play(120_000);
  await waitFor(() => it.told.filter(({ type }) => type === 'failback_started').length === 2);
  await waitFor(async () => {
    it.a.move();
    await play(6_000);
    return it.proxy.snapshot().failoverIndex === 0;
  });
  expect(await it.text()).toContain('EXT-X-DISCONTINUITY');
  expect(it.told).toContainEqual(expect.objectContaining({ event: 'source_switched', reason: 'FAILBACK' }));
});

test('numbers that another node has told of go on here', async () => {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/a/', 'a', { sequence: 3 });
  const text = await host(channel.url).text('playlist.m3u8', {
    resume: { mediaSequence: 800, discontinuitySequence: 4 },
  });
  expect(numberIn(text, 'EXT-X-MEDIA-SEQUENCE')).toBe(801);
  expect(numberIn(text, 'EXT-X-DISCONTINUITY-SEQUENCE')).toBe(4);
  expect(text).toContain('EXT-X-DISCONTINUITY\n');
});

/** A provider with so many connections. */
class Slots implements ConnectionSlots {
  taken = 0;
  most = 0;
  readonly holders: ConnectionHolder[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async acquire({ holder }: { readonly holder?: ConnectionHolder }): Promise<Slot> {
    if (this.taken >= this.#limit) throw new StreampoolError('PROVIDER_LIMIT', 'no connection left');
    this.taken += 1;
    this.most = Math.max(this.most, this.taken);
    if (holder) this.holders.push(holder);
    let isHeld = true;
    return {
      release: () => {
        if (isHeld) this.taken -= 1;
        isHeld = false;
      },
    };
  }
}

test.each([1, 2, 5])(
  'of a provider with %i connections no more are used than it has, and never more than two',
  async (limit) => {
    const provider = await Provider.start();
    const channel = new LiveChannel(provider, '/a/', 'a');
    const held: (() => void)[] = [];
    for (const n of [0, 1, 2])
      provider.route(`/a/a-${n}.ts`, (_req, res) => held.push(() => void res.end(media(`a-${n}.ts`))));
    const slots = new Slots(limit);
    const it = host(channel.url, { client: { slots } });
    const paths = pathsIn(await it.text());
    expect(slots).toMatchObject({ taken: 1, holders: [{ streamId: 'one' }] });
    const bodies = Promise.all(paths.map((path) => it.bytes(path)));
    for (const _ of paths) {
      await waitFor(() => held.length >= Math.min(limit, 2) || provider.requests.length === 4);
      held.shift()!();
    }
    expect(await bodies).toEqual(['a-0.ts', 'a-1.ts', 'a-2.ts'].map((name) => media(name)));
    expect(provider.mostActive).toBe(Math.min(limit, 2));
    expect(slots.most).toBe(Math.min(limit, 2));
    await it.text();
    it.clock.advance(10_001);
    await waitFor(() => slots.taken === 1);
    expect(it.client.stats().openConnections).toBeLessThanOrEqual(1);
    await it.proxy.close();
    expect(slots.taken).toBe(0);
  },
);

test('a slot that goes to somebody else ends the stream', async () => {
  const provider = await Provider.start();
  const slots = new Slots(1);
  const it = host(new LiveChannel(provider, '/a/', 'a').url, { client: { slots } });
  await it.text();
  slots.holders[0]?.end?.('kicked');
  await it.proxy.closed;
  expect(slots.taken).toBe(0);
});

test('a switch where there is only one connection breaks before it makes, and goes back if it must', async () => {
  const slots = new Slots(1);
  const it = await two({ client: { slots } });
  await it.text();
  it.provider.status('/b/index.m3u8', 404);
  await expect(it.proxy.failover()).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  it.a.move();
  it.clock.advance(3_001);
  expect(numberIn(await it.text(), 'EXT-X-MEDIA-SEQUENCE')).toBe(101);
  it.provider.serve('/b/index.m3u8', () => it.b.playlist());
  expect(await it.proxy.failover()).toMatchObject({ failoverIndex: 1 });
  expect(slots).toMatchObject({ taken: 1, most: 1 });
});
