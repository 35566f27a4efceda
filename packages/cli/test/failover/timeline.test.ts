import { api, ffmpegsOf, isAlive, makeSample, sendSignal, waitFor } from '@streampool/testkit';
import { ClusterStage } from '../cluster/cluster-stage.ts';
import { COPY, useStage } from '../e2e/stage.ts';

interface Entry {
  readonly type: string;
  readonly cause: string;
  readonly detail: string;
  readonly at: string;
  readonly client_id: string | null;
  readonly node: string | null;
  readonly data: Readonly<Record<string, string | number>>;
}

async function timelineOf(server: { readonly url: string }, path: string): Promise<Entry[]> {
  const { status, body, text } = await api(server, 'GET', `${path}/timeline`);
  if (status !== 200) throw new Error(`${path}/timeline answered ${status}: ${text}`);
  return (body as { entries: Entry[] }).entries;
}

/** Resolves with the timeline when it has an entry of that type. */
async function waitForEntry(server: { readonly url: string }, path: string, type: string): Promise<Entry[]> {
  let last: Entry[] = [];
  return waitFor(
    async () => {
      last = await timelineOf(server, path);
      return last.some((entry) => entry.type === type) && last;
    },
    { timeoutMs: 15_000, what: () => `${type} in ${JSON.stringify(last)}` },
  );
}

const entry = (entries: readonly Entry[], type: string): Entry | undefined =>
  entries.find((each) => each.type === type);
const causes = (entries: readonly Entry[]): string[] =>
  [...new Set(entries.map(({ cause }) => cause))].sort();
/** A provider that shares a busy machine with the test may really be late: that is told, and not what is asked here. */
const besideGaps = (entries: readonly Entry[]): Entry[] =>
  entries.filter(({ type }) => type !== 'source_gap' && type !== 'encoder_gap');

describe('on one machine', () => {
  const stage = useStage({ env: { CLIENT_TIMEOUT: '20', STALL_TIMEOUT: '15' } });

  test('a provider that is silent for 1.5 s is the upstream’s fault, not FFmpeg’s, and every viewer’s timeline says so', async () => {
    stage.provider.live('/silent.ts', stage.sample, { start: 'keyframe' });
    const url = stage.provider.url('/silent.ts');
    for (const kind of ['direct', 'shared', 'transcode'] as const) {
      const stream =
        kind === 'transcode'
          ? await stage.create('transcode', { url, profile: COPY })
          : await stage.create('streams', { url, shared: kind === 'shared' });
      const player = stage.play(`${stream.url}?client_id=tv-${kind}`);
      await player.waitForMedia(1);
      const silentAt = performance.now();
      stage.provider.stall('/silent.ts');
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      stage.provider.stall('/silent.ts', false);
      const own = `/clients/tv-${kind}`;
      const gap = await waitFor(
        async () =>
          (await timelineOf(stage.server, own)).find(
            ({ type, data }) => type === 'source_gap' && Number(data.gap_ms) > 1_200,
          ),
        { what: 'a gap of the source that was as long as its silence' },
      );
      expect(gap.cause).toBe('upstream');
      expect(gap.detail).toContain('The primary source sent nothing for');
      expect(gap.data.gap_ms).toBeLessThan(performance.now() - silentAt + 500);
      await player.waitForMedia(1);
      const after = await timelineOf(stage.server, own);
      expect(causes(besideGaps(after))).toEqual(['viewer']);
      // What the source did is not told of the encoder, too.
      const isSame = ({ at }: Entry): boolean => Math.abs(Date.parse(at) - Date.parse(gap.at)) < 500;
      expect(after.filter((each) => each.type === 'encoder_gap' && isSame(each))).toEqual([]);
      await stage.hangUp();
    }
  });

  test('FFmpeg that is killed is the encoder’s fault', async () => {
    stage.provider.live('/killed.ts', stage.sample, { start: 'keyframe' });
    const url = stage.provider.url('/killed.ts');
    const stream = await stage.create('transcode', { url, profile: COPY });
    const player = stage.play(`${stream.url}?client_id=tv-killed`);
    await player.waitForMedia(1);
    const running = ffmpegsOf(stage.server.pid);
    for (const { pid } of running) sendSignal(pid, 'SIGKILL');
    const entries = await waitForEntry(stage.server, `/streams/${stream.id}`, 'source_switched');
    await player.waitForMedia(0.5);
    expect(entry(entries, 'source_lost')).toMatchObject({ cause: 'encoder', data: { index: 0 } });
    expect(entry(entries, 'source_switched')).toMatchObject({ cause: 'encoder' });
    expect(causes(besideGaps(entries))).toEqual(['encoder', 'viewer']);
    const own = await timelineOf(stage.server, '/clients/tv-killed');
    expect(own.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['client_connected', 'source_lost', 'source_switched']),
    );
  });

  test('a viewer that does not read is its own fault, and nobody else’s trouble', async () => {
    const heavy = await makeSample({ seconds: 4, gopSeconds: 1, videoKbps: 24_000, constantRate: true });
    stage.provider.live('/heavy.ts', heavy, { start: 'keyframe' });
    const stream = await stage.create('streams', { url: stage.provider.url('/heavy.ts'), shared: true });
    const slow = stage.play(`${stream.url}?client_id=slow`, { check: false });
    const other = stage.play(`${stream.url}?client_id=other`, { check: false });
    await Promise.all([slow.waitForBytes(100_000), other.waitForBytes(100_000)]);
    slow.stall();
    const blocked = await waitForEntry(stage.server, '/clients/slow', 'viewer_blocked');
    expect(entry(blocked, 'viewer_blocked')).toMatchObject({ cause: 'viewer', client_id: 'slow' });
    slow.resume();
    const again = await waitForEntry(stage.server, '/clients/slow', 'viewer_unblocked');
    expect(entry(again, 'viewer_unblocked')!.data.blocked_ms).toBeGreaterThanOrEqual(1_000);
    expect(causes(besideGaps(again))).toEqual(['viewer']);
    await slow.close();
    const gone = await waitForEntry(stage.server, '/clients/slow', 'client_disconnected');
    expect(gone.at(-1)).toMatchObject({ type: 'client_disconnected', data: { reason: 'left' } });
    const others = await timelineOf(stage.server, '/clients/other');
    expect(
      besideGaps(others)
        .map(({ type }) => type)
        .sort(),
    ).toEqual(['client_connected', 'stream_started']);
    expect(await timelineOf(stage.server, `/streams/${stream.id}`)).toContainEqual(
      expect.objectContaining({ type: 'viewer_blocked', client_id: null }),
    );
  });

  test('the limit of a provider is named as the reason, and so is whose connection went where', async () => {
    stage.provider.live(['/one.ts', '/two.ts', '/three.ts'], stage.sample, { start: 'keyframe' });
    const limits = { hosts: [`127.0.0.1:${stage.provider.port}`], max_connections: 1 };
    expect((await api(stage.server, 'PUT', '/providers/small', limits)).status).toBeLessThan(300);
    const [one, two, three] = await Promise.all(
      ['/one.ts', '/two.ts', '/three.ts'].map((path) =>
        stage.create('streams', { url: stage.provider.url(path), shared: true }),
      ),
    );
    await stage.play(`${one!.url}?client_id=zapper`).waitForMedia(0.5);
    await stage.play(`${two!.url}?client_id=zapper`).waitForMedia(0.5);
    const entries = await waitForEntry(stage.server, `/streams/${two!.id}`, 'slot_handed_over');
    expect(entry(entries, 'slot_handed_over')).toMatchObject({
      ...{ cause: 'provider', data: { provider: 'small', from: one!.id } },
    });
    const late = stage.play(`${three!.url}?client_id=late`);
    expect((await late.waitForHead()).status).toBe(503);
    const refused = await waitForEntry(stage.server, '/clients/late', 'viewer_refused');
    expect(entry(refused, 'viewer_refused')).toMatchObject({
      cause: 'provider',
      data: { code: 'PROVIDER_LIMIT' },
    });
    await api(stage.server, 'DELETE', '/providers/small');
  });

  test('a viewer that gets no picture is told why, and so is who asks for it', async () => {
    const url = stage.provider.url('/nothing-here.ts');
    const stream = await stage.create('streams', { url, shared: true });
    const player = stage.play(`${stream.url}?client_id=poor`);
    expect((await player.waitForHead()).status).toBeGreaterThanOrEqual(500);
    const entries = await waitForEntry(stage.server, '/clients/poor', 'viewer_refused');
    expect(entry(entries, 'viewer_refused')).toMatchObject({ cause: 'upstream', client_id: 'poor' });
    expect(entry(entries, 'source_refused')).toMatchObject({
      cause: 'upstream',
      data: { code: 'UPSTREAM_STATUS' },
    });
  });
});

describe('in a cluster', () => {
  const stage = new ClusterStage();
  beforeAll(() => stage.open({ gateways: 2, workers: 2 }));
  afterAll(() => stage.close());

  test('kill -9 of the owner is the cluster’s affair, and any gateway tells of it', async () => {
    stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
    const { id } = await stage.create('transcode', { url: stage.provider.url('/live.ts'), profile: COPY });
    const player = stage.play(stage.gateways[0]!, `${id}?client_id=tv`);
    await player.waitForMedia(1);
    const before = await stage.record(id);
    await (await stage.ownerOf(id)).kill();
    await stage.waitForNewOwner(id, before);
    await player.waitForMedia(1);
    expect(isAlive(before.ffmpegPid!)).toBe(false);
    const elsewhere = stage.gateways[1]!;
    const entries = await waitForEntry(elsewhere, '/clients/tv', 'owner_changed');
    expect(entry(entries, 'owner_changed')!.data).toMatchObject({ from: before.owner });
    await waitForEntry(elsewhere, '/clients/tv', 'source_switched');
    const all = await timelineOf(elsewhere, '/clients/tv');
    expect(entry(all, 'source_lost')).toMatchObject({ cause: 'cluster', data: { code: 'RELAY_LOST' } });
    expect(entry(all, 'source_switched')).toMatchObject({ cause: 'cluster' });
    expect(causes(besideGaps(all))).toEqual(['cluster', 'viewer']);
    expect(player.end).toBeUndefined();
    const events = await stage.state.readEvents({ streamId: id });
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['source_lost', 'owner_changed']));
  });
});
