import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  decodeErrors,
  FakeProvider,
  makeSample,
  Player,
  type Sample,
  TsLoop,
  waitFor,
} from '@streampool/testkit';
import type { DirectOptions } from '../../src/direct/index.ts';
import { DEFAULT_GO_ON_POLICY } from '../../src/direct/index.ts';
import { type Edge, edge } from './wire.ts';

let provider: FakeProvider;
let sample: Sample;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'going-on-'));
  sample = await makeSample({ seconds: 4, gopSeconds: 1, videoKbps: 1_400, constantRate: true });
  provider = await FakeProvider.start();
  for (const path of ['/one.ts', '/two.ts', '/three.ts']) provider.live(path, sample, { start: 'fresh' });
});
afterEach(() => provider.clearFaults());
afterAll(async () => {
  await provider.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Watching {
  readonly server: Edge;
  readonly player: Player;
  readonly breaks: string[];
  readonly switches: { index: number; reason: string; gapMs: number }[];
  close(): Promise<void>;
}

const TIMEOUTS = { connectMs: 5_000, firstByteMs: 5_000, stallMs: 20_000, silenceMs: 3_000 };

/** A viewer who has seen a second of /one.ts, with the other paths to go on with. */
async function watch(others: readonly string[], options: Partial<DirectOptions> = {}): Promise<Watching> {
  const breaks: string[] = [];
  const switches: Watching['switches'] = [];
  const server = await edge(provider.url(''), {
    failoverUrls: others.map((path) => provider.url(path)),
    timeouts: TIMEOUTS,
    onBreak: ({ code }) => breaks.push(code),
    onSwitch: (info) => switches.push(info),
    ...options,
  });
  const player = new Player(`${server.url}/one.ts`, { record: true });
  await player.waitForMedia(1);
  const close = async (): Promise<void> => {
    await player.close();
    await server.close();
  };
  return { server, player, breaks, switches, close };
}

/** The source's own bytes, from the beginning of a connection. */
function source(): Buffer {
  const loop = new TsLoop(sample);
  return Buffer.concat([0, 1, 2].map((round) => loop.render(round)));
}

/** How many bytes two buffers have in common at their start. */
function commonLength(a: Buffer, b: Buffer): number {
  let [low, high] = [0, Math.min(a.length, b.length)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (a.subarray(0, middle).equals(b.subarray(0, middle))) low = middle;
    else high = middle - 1;
  }
  return low;
}

describe('a live stream whose provider', () => {
  test.each(['rst', 'fin'] as const)(
    'is cut (%s) goes on from the same URL, without a seam that shows',
    async (how) => {
      const { player, breaks, switches, server, close } = await watch(['/two.ts']);
      const before = player.recording.length;
      provider.cut('/one.ts', how);
      await waitFor(() => switches.length === 1);
      await player.waitForMedia(2);
      expect(breaks).toEqual(['UPSTREAM_CUT']);
      expect(switches).toMatchObject([{ index: 0, reason: 'UPSTREAM_CUT' }]);
      expect(player.longestGapMs).toBeLessThan(3_000);
      expect(player.check).toMatchObject({
        syncErrors: 0,
        continuityErrors: 0,
        timestampErrors: 0,
        notes: [],
      });
      expect(commonLength(player.recording, source())).toBeGreaterThanOrEqual(before);
      expect(provider.stats('/two.ts').total).toBe(0);
      expect(server.client.stats().openConnections).toBe(1);
      await close();
    },
  );

  test('falls silent goes on from the next URL, and on from there: the second seam leaves no half picture', async () => {
    const { player, switches, close } = await watch(['/two.ts']);
    const cutAt = player.recording.length;
    provider.stall('/one.ts');
    await waitFor(() => switches.length === 1);
    await player.waitForMedia(1.5);
    provider.cut('/two.ts');
    await waitFor(() => switches.length === 2);
    await player.waitForMedia(1.5);
    // Neither silence nor a break soon after the last one is the connection's fault.
    expect(switches).toMatchObject([{ index: 1, reason: 'UPSTREAM_TIMEOUT' }, { index: 0 }]);
    expect(player.check.clean).toBe(true);
    await player.close();
    const seamAt = commonLength(player.recording, source());
    expect(seamAt).toBeGreaterThanOrEqual(cutAt);
    // The first source's last picture is as incomplete as it came: its bytes are untouched.
    const behind = join(directory, 'behind.ts');
    writeFileSync(behind, player.recording.subarray(seamAt - (seamAt % 188)));
    expect(await decodeErrors(behind)).toEqual([]);
    await close();
  });

  test.each([
    ['a web page', { kind: 'html' }],
    ['status 503', { kind: 'status', status: 503 }],
    ['a reset', { kind: 'reset' }],
  ] as const)('is cut and answers with %s from then on is left for the next URL', async (_what, fault) => {
    const { player, switches, server, close } = await watch(['/two.ts', '/three.ts']);
    provider.fault('/one.ts', fault);
    provider.cut('/one.ts');
    await waitFor(() => switches.length === 1);
    await player.waitForMedia(1);
    expect(switches).toMatchObject([{ index: 1 }]);
    expect(server.viewers[0]).toMatchObject({ failoverIndex: 1 });
    expect(player.check.clean).toBe(true);
    expect(player.longestGapMs).toBeLessThan(3_000);
    await close();
  });

  test('has no further URL and stays away ends the viewer properly, after a bounded number of attempts', async () => {
    const { player, server, close } = await watch(['/two.ts'], {
      goOn: { ...DEFAULT_GO_ON_POLICY, attempts: 4, backoffMs: 10 },
    });
    const before = [provider.stats('/one.ts').total, provider.stats('/two.ts').total];
    for (const path of ['/one.ts', '/two.ts']) provider.fault(path, { kind: 'status', status: 404 });
    provider.cut('/one.ts');
    expect(await player.ended).toBe('fin');
    expect(await server.viewers[0]!.closed).toBe('failed');
    expect(server.viewers[0]!.error).toMatchObject({ code: 'UPSTREAM_STATUS' });
    const tried = ['/one.ts', '/two.ts'].map((path, index) => provider.stats(path).total - before[index]!);
    expect(tried[0]! + tried[1]!).toBe(4);
    // To the last byte that the provider sent.
    expect(commonLength(player.recording, source())).toBe(player.recording.length);
    expect(server.client.stats().openConnections).toBe(0);
    await close();
  });

  test('is being looked for when the viewer leaves is not looked for any more', async () => {
    const { player, server, close } = await watch(['/two.ts']);
    for (const path of ['/one.ts', '/two.ts']) provider.fault(path, { kind: 'no-head' });
    const before = provider.stats('/one.ts').total;
    provider.cut('/one.ts');
    await waitFor(() => provider.stats('/one.ts').total > before);
    await player.close();
    expect(await server.viewers[0]!.closed).toBe('left');
    expect(server.client.stats().openConnections).toBe(0);
    await close();
  });
});

test('what is no transport stream, or a chunked one that is complete, just ends', async () => {
  provider.route('/radio.mp3', (exchange) => {
    exchange.head({ headers: { 'content-type': 'audio/mpeg' } });
    exchange.write(Buffer.alloc(50_000, 0xfe));
    exchange.cut('fin');
  });
  provider.route('/whole.ts', (exchange) => {
    exchange.head({ headers: { 'content-type': 'video/mp2t' }, chunked: true });
    exchange.write(source());
    exchange.end();
  });
  for (const path of ['/radio.mp3', '/whole.ts']) {
    const server = await edge(provider.url(''), { failoverUrls: [provider.url('/two.ts')] });
    const player = new Player(`${server.url}${path}`, { record: true, check: false });
    expect(await player.ended).toBe('fin');
    expect(await server.viewers[0]!.closed).toBe('ended');
    expect(provider.stats(path).total).toBe(1);
    if (path === '/whole.ts') expect(sha(player.recording)).toBe(sha(source()));
    await server.close();
  }
});

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('a viewer is changed over to another URL without a break, and back', async () => {
  const { server, player, switches, breaks, close } = await watch(['/two.ts']);
  const [viewer] = server.viewers;
  for (const index of [1, 0]) {
    await viewer!.failover(index);
    await player.waitForMedia(1);
    expect(viewer!.failoverIndex).toBe(index);
  }
  expect(switches).toMatchObject([
    { index: 1, reason: 'MANUAL' },
    { index: 0, reason: 'MANUAL' },
  ]);
  expect(breaks).toEqual([]);
  await waitFor(() => provider.stats('/two.ts').current === 0 && provider.stats('/one.ts').current === 1);
  expect(player.check.notes).toEqual([]);
  await close();
});

test('a URL that cannot be played leaves the viewer where it is', async () => {
  const { server, player, switches, close } = await watch(['/missing.ts']);
  await expect(server.viewers[0]!.failover(1)).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  await player.waitForMedia(1);
  expect(switches).toEqual([]);
  expect(player.check.notes).toEqual([]);
  expect(provider.stats('/one.ts').current).toBe(1);
  await close();
});
