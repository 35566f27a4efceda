import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeProvider, makeSample, Player, type Sample, waitFor } from '@streampool/testkit';
import type { EngineSettings, StreamSpec } from '../../src/index.ts';
import { EngineHost } from '../engine-host.ts';

const STALL_MS = 4_000;

let sample: Sample;
let provider: FakeProvider;
let host: EngineHost;
const players: Player[] = [];

beforeAll(async () => {
  sample = await makeSample({ seconds: 6, gopSeconds: 1 });
});

beforeEach(async () => {
  provider = await FakeProvider.start();
  for (const path of ['/a.ts', '/b.ts', '/c.ts']) provider.live(path, sample, { start: 'keyframe' });
});

afterEach(async () => {
  await Promise.all(players.splice(0).map((player) => player.close()));
  await host?.close();
  await provider.close();
});

async function play(spec: Partial<StreamSpec>, settings: Partial<EngineSettings> = {}): Promise<Player> {
  host = await EngineHost.start({ sharedStreamTimeoutMs: 300, stallTimeoutMs: STALL_MS, ...settings });
  const player = new Player(host.add({ url: provider.url('/a.ts'), ...spec }));
  players.push(player);
  await player.waitForPicture();
  return player;
}

const pool = () => host.engine.pools()[0];

function expectWhole({ check }: Player): void {
  const { syncErrors, continuityErrors, timestampErrors } = check;
  expect({ syncErrors, continuityErrors, timestampErrors }).toEqual({
    ...{ syncErrors: 0, continuityErrors: 0, timestampErrors: 0 },
  });
}

test('a cut costs less than silence, and the URL itself is asked again', async () => {
  const player = await play({ failoverUrls: [provider.url('/b.ts')] });
  const { total } = provider.stats('/a.ts');
  player.resetGap();
  provider.cut('/a.ts');
  await waitFor(() => provider.stats('/a.ts').total === total + 1);
  await player.waitForBytes(player.bytes + 100_000);
  expect(player.longestGapMs).toBeLessThan(STALL_MS);
  expect(provider.stats('/b.ts').total).toBe(0);
  expectWhole(player);
});

test('the resolver names where to go on, and the stream plays it', async () => {
  const told: { current_failover_index: number; reason: string }[] = [];
  const resolver = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => {
      told.push(JSON.parse(body));
      res.end(JSON.stringify({ next_url: provider.url('/c.ts') }));
    });
  });
  resolver.listen(0, '127.0.0.1');
  await once(resolver, 'listening');
  const resolverUrl = `http://127.0.0.1:${(resolver.address() as AddressInfo).port}/`;
  const player = await play({ resolverUrl, metadata: { channel: '7' } });
  provider.fault('/a.ts', { kind: 'status', status: 404 });
  provider.cut('/a.ts');
  await waitFor(() => provider.stats('/c.ts').current === 1);
  await player.waitForBytes(player.bytes + 100_000);
  expect(told).toMatchObject([
    {
      ...{ current_url: provider.url('/a.ts'), metadata: { channel: '7' }, current_failover_index: 0 },
      ...{ status_code: 404, reason: 'UPSTREAM_STATUS' },
    },
  ]);
  expect(pool()).toMatchObject({ state: 'live', failoverIndex: 1 });
  expectWhole(player);
  // Asked for by hand it names the same one, which nobody else knows.
  const result = await host.engine.failover('stream-0');
  expect(result).toMatchObject({ failoverIndex: 1, url: provider.url('/c.ts') });
  expect(told.at(-1)).toMatchObject({ current_failover_index: 1, reason: 'MANUAL' });
  resolver.close();
});

test('back to the primary when it is well again, without a gap', async () => {
  const player = await play({ failoverUrls: [provider.url('/b.ts')] }, { failbackAfterMs: 1_000 });
  provider.fault('/a.ts', { kind: 'status', status: 503 });
  provider.cut('/a.ts');
  await waitFor(() => pool()?.failoverIndex === 1 && pool()?.state === 'live');
  provider.clearFaults('/a.ts');
  await player.waitForBytes(player.bytes + 50_000);
  player.resetGap();
  await waitFor(() => pool()?.failoverIndex === 0, { what: 'the primary plays again' });
  await waitFor(() => provider.stats('/b.ts').current === 0);
  await player.waitForBytes(player.bytes + 50_000);
  expect(player.longestGapMs).toBeLessThan(STALL_MS);
  expectWhole(player);
});

test('where nothing works any more viewers are told by the end, and operators why', async () => {
  const player = await play({ failoverUrls: [provider.url('/b.ts')] });
  provider.fault('/a.ts', { kind: 'status', status: 404 });
  provider.fault('/b.ts', { kind: 'html' });
  provider.cut('/a.ts');
  expect(await player.ended).toBe('fin');
  const failed = host.events.find((event) => event.event === 'pool_state' && event.to === 'failed');
  expect(failed).toMatchObject({ reason: 'STREAM_FAILED' });
  expectWhole(player);
});
