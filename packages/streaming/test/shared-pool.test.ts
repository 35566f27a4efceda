import { FakeProvider, makeSample, Player, type Sample, waitFor } from '@streampool/testkit';
import type { EngineSettings } from '../src/index.ts';
import { EngineHost } from './engine-host.ts';

let sample: Sample;
let provider: FakeProvider;
let host: EngineHost;
const players: Player[] = [];

beforeAll(async () => {
  sample = await makeSample({ seconds: 6, gopSeconds: 1 });
});

beforeEach(async () => {
  provider = await FakeProvider.start();
  provider.live('/live.ts', sample, { start: 'keyframe' });
});

afterEach(async () => {
  await Promise.all(players.splice(0).map((player) => player.close()));
  await host?.close();
  await provider.close();
});

async function setup(settings: Partial<EngineSettings> = {}): Promise<void> {
  host = await EngineHost.start({
    sharedStreamTimeoutMs: 300,
    stallTimeoutMs: 3_000,
    streamTimeoutMs: 10_000,
    ...settings,
  });
}

function play(url: string, options = {}): Player {
  const player = new Player(url, options);
  players.push(player);
  return player;
}

function expectClean(player: Player): void {
  expect({ ...pick(player), notes: player.check.notes }).toEqual({
    syncErrors: 0,
    continuityErrors: 0,
    timestampErrors: 0,
    notes: [],
  });
}

function pick({ check: { syncErrors, continuityErrors, timestampErrors } }: Player) {
  return { syncErrors, continuityErrors, timestampErrors };
}

test('all viewers share one connection, start with a keyframe and see a clean stream', async () => {
  await setup();
  const url = host.add({ url: provider.url('/live.ts') });
  const viewers = Array.from({ length: 50 }, () => play(url));
  await Promise.all(viewers.map((viewer) => viewer.waitForPicture()));
  const late = play(url);
  await late.waitForPicture();
  await Promise.all([...viewers, late].map((viewer) => viewer.waitForBytes(50_000)));
  for (const viewer of [...viewers, late]) {
    expectClean(viewer);
    expect(viewer.check.firstPicture).toMatchObject({ packetsBefore: 2, undecodable: 0 });
  }
  expect(provider.stats('/live.ts')).toMatchObject({ max: 1, total: 1 });
  expect(host.engine.pools()).toMatchObject([{ state: 'live', viewers: 51, restarts: 0 }]);
  expect(host.states).toEqual(['starting', 'live']);
});

test('the connection is closed a while after the last viewer left, and opened again for the next', async () => {
  await setup();
  const url = host.add({ url: provider.url('/live.ts') });
  const first = play(url);
  await first.waitForPicture();
  await first.close();
  await waitFor(() => host.states.includes('draining'));
  const second = play(url);
  await second.waitForPicture();
  expect(provider.stats('/live.ts').total).toBe(1);
  await second.close();
  await waitFor(() => host.states.at(-1) === 'stopped');
  await waitFor(() => provider.stats('/live.ts').current === 0);
  await play(url).waitForPicture();
  expect(provider.stats('/live.ts')).toMatchObject({ max: 1, total: 2 });
});

test.each(['rst', 'fin'] as const)('a cut (%s) is spliced over; viewers stay', async (how) => {
  await setup();
  const url = host.add({ url: provider.url('/live.ts') });
  const viewer = play(url);
  await viewer.waitForBytes(60_000);
  provider.cut('/live.ts', how);
  await waitFor(() => host.events.some((event) => event.event === 'source_switched'));
  await viewer.waitForBytes(viewer.bytes + 100_000);
  expectClean(viewer);
  expect(viewer.end).toBeUndefined();
  expect(provider.stats('/live.ts')).toMatchObject({ max: 1, total: 2 });
  expect(host.engine.pools()[0]).toMatchObject({ state: 'live', restarts: 1, lastError: expect.any(String) });
});

test('a stall leads to the next URL, on the same timeline', async () => {
  await setup();
  provider.live('/backup.ts', sample, { start: 'keyframe' });
  const url = host.add({ url: provider.url('/live.ts'), failoverUrls: [provider.url('/backup.ts')] });
  const viewer = play(url);
  await viewer.waitForBytes(60_000);
  provider.fault('/live.ts', { kind: 'no-head' });
  provider.stall('/live.ts');
  await waitFor(() => provider.stats('/backup.ts').current === 1);
  await viewer.waitForBytes(viewer.bytes + 60_000);
  expectClean(viewer);
  expect(host.engine.pools()[0]).toMatchObject({ state: 'live', failoverIndex: 1 });
  expect(provider.stats('/live.ts').current).toBe(0);
});

test.each([
  ['a status', { kind: 'status', status: 404 }, 502, 'UPSTREAM_STATUS'],
  ['a page', { kind: 'html' }, 502, 'UPSTREAM_NOT_MEDIA'],
  ['a reset', { kind: 'reset' }, 502, 'UPSTREAM_CUT'],
  ['silence', { kind: 'no-head' }, 504, 'UPSTREAM_TIMEOUT'],
  ['a head and then silence', { kind: 'stall', afterBytes: 0 }, 504, 'UPSTREAM_TIMEOUT'],
] as const)('a source that answers with %s is reported, not served', async (_name, fault, status, code) => {
  await setup({ streamTimeoutMs: status === 504 ? 1_500 : 10_000 });
  provider.fault('/live.ts', fault);
  const viewer = play(host.add({ url: provider.url('/live.ts') }), { record: true, check: false });
  const head = await viewer.waitForHead();
  expect(head.status).toBe(status);
  await viewer.ended;
  expect(JSON.parse(viewer.recording.toString())).toMatchObject({ code });
  expect(host.states.at(-1)).toBe('failed');
  expect(host.engine.pools()).toEqual([]);
});

test('a source that stays away ends the viewers properly, and the next viewer starts anew', async () => {
  await setup({ streamTimeoutMs: 4_000, maxAttempts: 4 });
  const url = host.add({ url: provider.url('/live.ts') });
  const viewer = play(url);
  await viewer.waitForBytes(30_000);
  await provider.refuse();
  expect(await viewer.ended).toBe('fin');
  expect(host.states.at(-1)).toBe('failed');
  expectClean(viewer);
  // What failed so often is left alone for a while, and whoever comes too early is told.
  const isLeftAlone = async (): Promise<boolean> => {
    const early = play(url, { record: true, check: false });
    const { status } = await early.waitForHead();
    await early.ended;
    return status === 503 && JSON.parse(early.recording.toString()).code === 'CIRCUIT_OPEN';
  };
  await waitFor(isLeftAlone, { what: 'a source that is left alone' });
  await provider.accept();
  const back = async (): Promise<boolean> => (await play(url, { check: false }).waitForHead()).status === 200;
  await waitFor(back, { what: 'the source is tried again' });
  await play(url).waitForPicture();
});

test('stopping ends the viewers and the connection', async () => {
  await setup();
  const viewer = play(host.add({ url: provider.url('/live.ts') }));
  await viewer.waitForPicture();
  expect(await host.engine.stop('stream-0')).toBe(1);
  expect(await viewer.ended).toBe('fin');
  await waitFor(() => provider.stats('/live.ts').current === 0);
  expect(host.events.at(-1)).toMatchObject({ event: 'viewer_detached', reason: 'stopped' });
});

test('a full pool is followed by a further one', async () => {
  await setup({ maxClientsPerSharedStream: 2 });
  const url = host.add({ url: provider.url('/live.ts') });
  const viewers = Array.from({ length: 5 }, () => play(url));
  await Promise.all(viewers.map((viewer) => viewer.waitForPicture()));
  expect(
    host.engine
      .pools()
      .map((pool) => pool.viewers)
      .sort(),
  ).toEqual([1, 2, 2]);
  expect(provider.stats('/live.ts').current).toBe(3);
});

test('the same client coming again replaces itself', async () => {
  await setup();
  const url = `${host.add({ url: provider.url('/live.ts') })}?client_id=tv`;
  const first = play(url);
  await first.waitForPicture();
  const second = play(url);
  await second.waitForPicture();
  expect(await first.ended).toBe('fin');
  expect(host.engine.viewers()).toHaveLength(1);
});

test('a stalled viewer is dropped; the others notice nothing', async () => {
  await setup({ clientTimeoutMs: 3_000, ringBudgetBytes: 4 * 1024 * 1024 });
  const big = await makeSample({ seconds: 4, gopSeconds: 1, muxrateKbps: 40_000, videoKbps: 2_000 });
  provider.live('/big.ts', big, { start: 'keyframe' });
  const url = host.add({ url: provider.url('/big.ts') });
  const stalled = play(url, { stalled: true });
  const others = Array.from({ length: 5 }, () => play(url));
  await waitFor(() =>
    host.events.some((event) => event.event === 'viewer_detached' && event.reason === 'stuck'),
  );
  for (const viewer of others) {
    expectClean(viewer);
    expect(viewer.check.discontinuities).toBe(0);
  }
  expect(host.engine.viewers()).toHaveLength(5);
  expect(host.engine.pools()[0]?.ringBytes).toBeLessThanOrEqual(9 * 1024 * 1024);
  stalled.resume();
});

test('a source without pace is delivered in real time, a few seconds ahead at the most', async () => {
  await setup();
  const rate = 1_000_000;
  const dense = await makeSample({
    seconds: 4,
    gopSeconds: 1,
    muxrateKbps: (rate * 8) / 1_000,
    videoKbps: 2_000,
  });
  provider.endless('/fast.ts', dense);
  const viewer = play(host.add({ url: provider.url('/fast.ts') }));
  await viewer.waitForPicture();
  const began = performance.now();
  await viewer.waitForBytes(9 * rate);
  expect((performance.now() - began) / 1_000).toBeGreaterThan(3);
  expect(viewer.check.discontinuities).toBe(0);
  expectClean(viewer);
});
