import { readFileSync } from 'node:fs';
import { StreampoolError } from '@streampool/errors';
import type { HlsBody } from '@streampool/hls';
import { makeSample } from '@streampool/testkit';
import { pino } from 'pino';
import { SegmentStorage } from '../src/index.ts';
import { MemoryStore } from '../src/store/memory-store.ts';
import { readPlaylist } from './media-playlist.ts';
import { atKeyframes, setup } from './packager-setup.ts';
import { settle } from './stream-feed.ts';

/** Twenty seconds, each from a keyframe to the next. */
let seconds: Buffer[];

beforeAll(async () => {
  const { path } = await makeSample({ gopSeconds: 1, seconds: 20, videoKbps: 100, size: '160x90' });
  seconds = atKeyframes(readFileSync(path));
});

/** Pushes so many seconds, in real time. */
async function play({ feed, clock }: ReturnType<typeof setup>, from: number, to: number): Promise<void> {
  await settle();
  for (const second of seconds.slice(from, to)) {
    feed.push(second);
    await clock.advance(1_000);
  }
}

const sequence = (uri: string): number => Number(/(\d+)/.exec(uri)?.[1]);

test('the first playlist waits until its players are far enough behind, and for no longer than a stream may take', async () => {
  const live = setup();
  const first = live.playlist();
  let answered = false;
  void first.then(() => {
    answered = true;
  });
  // A segment of 2 s, as long again until it is heard of, and 1.5 s of what players are ahead; the first one is short.
  await play(live, 0, 5);
  expect(answered).toBe(false);
  await play(live, 5, 6);
  expect((await first).segments.map(({ duration }) => duration)).toEqual([1, 2, 2]);
  const near = setup({ lowLatency: true });
  const ofParts = near.playlist();
  await play(near, 0, 2);
  expect((await ofParts).segments).toHaveLength(1);
  await near.packager.close();
  const silent = setup();
  const refused = expect(silent.playlist()).rejects.toMatchObject({ code: 'STREAM_START_TIMEOUT' });
  await silent.clock.advance(10_001);
  await refused;
  await Promise.all([live.packager.close(), silent.packager.close()]);
});

test('segments leave the list when the window is full, and can be asked for as long again', async () => {
  const live = setup({ windowMs: 10_000, idleMs: 1_000_000 });
  await play(live, 0, 6);
  const first = await live.playlist();
  await play(live, 6, 13);
  const later = await live.playlist();
  const old = first.segments[0]!.uri;
  expect(later.segments.some(({ uri }) => uri === old)).toBe(false);
  expect(later.mediaSequence).toBeGreaterThan(first.mediaSequence);
  expect(later.target).toBe(first.target);
  expect(sequence(later.segments[0]!.uri)).toBe(later.mediaSequence);
  const listed = later.segments.reduce((sum, { duration }) => sum + duration, 0);
  expect(listed).toBeGreaterThanOrEqual(10);
  expect(listed).toBeLessThan(10 + later.target);
  expect((await live.media(old)).length).toBeGreaterThan(0);
  await play(live, 13, 20);
  await live.clock.advance(8_000);
  live.feed.push(seconds[0]!);
  live.feed.push(seconds[1]!);
  live.feed.push(seconds[2]!);
  await expect(live.ask(old)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await live.packager.close();
});

test('who asks for the same playlist gets the same bytes', async () => {
  const live = setup();
  await play(live, 0, 6);
  const [a, b] = await Promise.all([live.ask('playlist.m3u8'), live.ask('playlist.m3u8')]);
  expect(a.body).toBe(b.body);
  expect(a).toMatchObject({ kind: 'playlist', contentType: 'application/vnd.apple.mpegurl' });
  await live.packager.close();
});

test('wall clock time is that of the pictures', async () => {
  const live = setup();
  await play(live, 0, 6);
  const { segments } = await live.playlist();
  // The first picture came when the clock stood there; each second a second.
  expect(segments[0]!.date - Date.UTC(2026, 0, 1)).toBeGreaterThanOrEqual(900);
  expect(segments[0]!.date - Date.UTC(2026, 0, 1)).toBeLessThanOrEqual(1_200);
  await live.packager.close();
});

test('the numbers of a first owner are made of the time', async () => {
  const live = setup();
  await play(live, 0, 6);
  const { mediaSequence } = await live.playlist();
  expect(mediaSequence).toBeGreaterThan((Date.UTC(2026, 0, 1) - Date.UTC(2020, 0, 1)) / 500);
  await live.packager.close();
});

test('those of a later owner go on, whoever brings them, with a discontinuity', async () => {
  const resume = {
    mediaSequence: 41,
    discontinuitySequence: 7,
    targetDurationS: 5,
    endMs: Date.UTC(2026, 0, 2),
  };
  const given = setup({ resume });
  const asked = setup();
  const first = asked.ask('playlist.m3u8', { resume });
  await play(given, 0, 6);
  await play(asked, 0, 6);
  await first;
  for (const live of [given, asked]) {
    const list = await live.playlist();
    expect(list).toMatchObject({ mediaSequence: 42, discontinuitySequence: 7, target: 5 });
    expect(list.segments.map(({ discontinuity }) => discontinuity)[0]).toBe(true);
    expect(list.segments[0]!.uri).toBe('segment/42.ts');
    const answer = await live.ask('playlist.m3u8');
    expect(answer.progress).toMatchObject({
      mediaSequence: 41 + list.segments.length,
      discontinuitySequence: 8,
    });
    await live.packager.close();
  }
  const list = await setupWith(resume);
  expect(list.segments[0]!.date).toBe(resume.endMs);
});

async function setupWith(resume: { mediaSequence: number; discontinuitySequence: number; endMs: number }) {
  const live = setup({ resume });
  await play(live, 0, 5);
  const list = await live.playlist();
  await live.packager.close();
  return list;
}

test('what players had from an earlier owner is not given to them again', async () => {
  const live = setup();
  await settle();
  for (const second of seconds.slice(0, 7)) live.feed.push(second);
  const fresh = await live.playlist();
  await live.packager.close();
  const total = fresh.segments.reduce((sum, { duration }) => sum + duration, 0);
  expect(total).toBeGreaterThan(5);
  const now = Date.UTC(2026, 0, 1) + 1_000;
  const resume = { mediaSequence: 41, discontinuitySequence: 0, endMs: now - 2_500 };
  // The tap opens when everything is in the ring.
  const later = setup({ resume, replay: seconds.slice(0, 7) });
  await settle();
  const { segments } = await later.playlist();
  expect(segments.length).toBeGreaterThan(0);
  expect(segments.length).toBeLessThan(fresh.segments.length);
  expect(segments[0]!.date + segments[0]!.duration * 1000).toBeGreaterThan(resume.endMs);
  expect(segments[0]!.date).toBeGreaterThanOrEqual(resume.endMs);
  expect(segments[0]!.uri).toBe('segment/42.ts');
  await later.packager.close();
});

test('the first segment of what the ring held is a short one, too, as keyframes of a cold FFmpeg are', async () => {
  const live = setup({ replay: seconds.slice(0, 7) });
  const { segments, target } = await live.playlist();
  expect(segments.map(({ duration }) => duration).slice(0, 3)).toEqual([1, 2, 2]);
  expect(target).toBe(2);
  await live.packager.close();
});

test('what an earlier owner said of time counts for as long as it is later', async () => {
  const live = setup({ resume: { mediaSequence: 1, discontinuitySequence: 0, endMs: Date.UTC(2025, 0, 1) } });
  await play(live, 0, 5);
  expect((await live.playlist()).segments[0]!.date).toBeGreaterThan(Date.UTC(2026, 0, 1));
  await live.packager.close();
});

test('segments that are on disk are given, too, and parts of them', async () => {
  const disk = new FileLikeStore();
  const log = pino({ level: 'silent' });
  const storage = new SegmentStorage({ memoryBudgetBytes: 2 ** 26, streamBudgetBytes: 1, log, disk });
  const live = setup({ storage, idleMs: 1_000_000 });
  await play(live, 0, 20);
  const { segments } = await live.playlist();
  const answer = await live.ask(segments[1]!.uri);
  expect(Buffer.isBuffer(answer.body)).toBe(false);
  expect((await live.ask(segments.at(-1)!.uri)).body).toBeInstanceOf(Buffer);
  const whole = disk.content(answer.body as HlsBody);
  const part = await live.media(segments[1]!.uri.replace(/\.ts$/, '.0.ts'));
  expect((await whole).subarray(0, part.length).equals(part)).toBe(true);
  expect(live.packager.snapshot()).toMatchObject({
    segments: segments.length,
    memoryBytes: expect.any(Number),
  });
  expect(live.packager.snapshot().diskBytes).toBeGreaterThan(0);
  await live.packager.close();
});

/** Answers as a disk does. */
class FileLikeStore extends MemoryStore {
  override get(key: string): never {
    const bytes = super.get(key);
    const body: HlsBody | undefined = bytes && {
      length: bytes.length,
      open: async function* () {
        yield bytes;
      },
    };
    return body as never;
  }

  async content(body: HlsBody): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of body.open()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
}

test('a window is three target durations long at least', async () => {
  const resume = { mediaSequence: 1, discontinuitySequence: 0, targetDurationS: 5 };
  const live = setup({ windowMs: 10_000, resume });
  await play(live, 0, 6);
  await live.playlist();
  await play(live, 6, 20);
  const list = await live.playlist();
  expect(list.target).toBe(5);
  expect(list.segments.reduce((sum, { duration }) => sum + duration, 0)).toBeGreaterThanOrEqual(15);
  await live.packager.close();
});

test('numbers that turn out to have been given already are left behind', async () => {
  const live = setup();
  await play(live, 0, 6);
  const { mediaSequence, discontinuitySequence } = (await live.ask('playlist.m3u8')).progress!;
  // Its own word changes nothing.
  await live.ask('playlist.m3u8', { resume: { mediaSequence, discontinuitySequence } });
  expect((await live.playlist()).segments.length).toBeGreaterThan(1);
  const resume = { mediaSequence: mediaSequence + 100, discontinuitySequence: discontinuitySequence + 3 };
  const again = live.ask('playlist.m3u8', { resume });
  await play(live, 4, 7);
  const list = readPlaylist(((await again).body as Buffer).toString());
  expect(list).toMatchObject({
    mediaSequence: mediaSequence + 101,
    discontinuitySequence: discontinuitySequence + 3,
  });
  expect(list.segments[0]!.discontinuity).toBe(true);
  await live.packager.close();
});

test('a discontinuity is counted when its segment has left', async () => {
  const live = setup({ windowMs: 10_000, idleMs: 1_000_000 });
  await play(live, 0, 5);
  live.feed.source();
  await play(live, 0, 6);
  const before = await live.playlist();
  expect(before.segments.filter(({ discontinuity }) => discontinuity)).toHaveLength(1);
  const at = before.segments.find(({ discontinuity }) => discontinuity)!.uri;
  for (let from = 4; from < 20; from += 1) {
    await play(live, from, from + 1);
    const list = await live.playlist();
    const isGone = list.mediaSequence > sequence(at);
    expect(list.discontinuitySequence - before.discontinuitySequence).toBe(isGone ? 1 : 0);
    expect(list.segments.some(({ discontinuity }) => discontinuity)).toBe(!isGone);
  }
  expect((await live.playlist()).discontinuitySequence - before.discontinuitySequence).toBe(1);
  await live.packager.close();
});

describe('low latency', () => {
  test('parts are named while their segment grows, and are its bytes', async () => {
    const live = setup({ lowLatency: true });
    await play(live, 0, 6);
    live.feed.push(seconds[4]!.subarray(0, 188 * Math.floor(seconds[4]!.length / 188 / 1.5)));
    const list = await live.playlist();
    expect(list.text).toMatch(
      /#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.000,PART-HOLD-BACK=0.999\n/,
    );
    expect(list.text).toContain('#EXT-X-PART-INF:PART-TARGET=0.333\n');
    expect(list.parts.length).toBeGreaterThan(0);
    const complete = list.segments.find(({ parts }) => parts.length > 0)!;
    const parts = await Promise.all(complete.parts.map(({ uri }) => live.media(uri)));
    expect(Buffer.concat(parts).equals(await live.media(complete.uri))).toBe(true);
    expect(complete.parts[0]!.independent).toBe(true);
    for (const { duration } of [...complete.parts, ...list.parts])
      expect(duration).toBeLessThanOrEqual(0.333);
    const open = await Promise.all(list.parts.map(({ uri }) => live.media(uri)));
    await play(live, 4, 7);
    const whole = await live.media(list.parts[0]!.uri.replace(/\.0\.ts$/, '.ts'));
    expect(whole.subarray(0, Buffer.concat(open).length).equals(Buffer.concat(open))).toBe(true);
    await live.packager.close();
  });

  test('is for those who ask for it', async () => {
    const live = setup();
    await play(live, 0, 6);
    expect((await live.playlist()).text).not.toContain('PART');
    expect((await live.playlist('?ll=1')).text).toContain('#EXT-X-PART:');
    await live.packager.close();
    const low = setup({ lowLatency: true });
    await play(low, 0, 6);
    expect((await low.playlist('?ll=0')).text).not.toContain('PART');
    await low.packager.close();
  });

  test('a reload waits for the part or segment it asks for', async () => {
    const live = setup({ lowLatency: true });
    await play(live, 0, 5);
    const now = await live.playlist();
    const next = now.mediaSequence + now.segments.length;
    const answered: string[] = [];
    const part = live.playlist(`?_HLS_msn=${next}&_HLS_part=${now.parts.length}`).then((list) => {
      answered.push('part');
      return list;
    });
    const segment = live.playlist(`?_HLS_msn=${next}`).then((list) => {
      answered.push('segment');
      return list;
    });
    await settle();
    expect(answered).toEqual([]);
    live.feed.push(seconds[5]!.subarray(0, 188 * Math.floor(seconds[5]!.length / 188 / 2)));
    expect((await part).parts.length).toBeGreaterThan(now.parts.length);
    expect(answered).toEqual(['part']);
    await play(live, 6, 9);
    expect((await segment).segments.at(-1)!.uri).toBe(`segment/${next}.ts`);
    await live.packager.close();
  });

  test('a part that is hinted at is waited for, and one that is not is not there', async () => {
    const live = setup({ lowLatency: true });
    await play(live, 0, 6);
    const now = await live.playlist();
    const hint = /#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]*)"/.exec(now.text)![1]!;
    const preloaded = live.media(hint);
    await play(live, 4, 6);
    const bytes = await preloaded;
    const { segments } = await live.playlist();
    expect(segments.flatMap(({ parts }) => parts.map(({ uri }) => uri))).toContain(hint);
    expect((await live.media(hint)).equals(bytes)).toBe(true);
    const [, msn = ''] = /segment\/(\d+)/.exec(hint) ?? [];
    await expect(live.ask(`segment/${Number(msn) + 5}.0.ts`)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(live.ask(`segment/${msn}.99.ts`)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await live.packager.close();
  });

  test.each(['?_HLS_msn=-1', '?_HLS_msn=x', '?_HLS_part=1', '?_HLS_msn=99999999999'])(
    '%s is refused',
    async (query) => {
      const live = setup({ lowLatency: true });
      await play(live, 0, 6);
      await expect(live.playlist(query)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
      await live.packager.close();
    },
  );

  test('a reload whose segment does not come gets the playlist as it is', async () => {
    const live = setup({ lowLatency: true });
    await play(live, 0, 6);
    const now = await live.playlist();
    const next = live.playlist(`?_HLS_msn=${now.mediaSequence + now.segments.length}`);
    await live.clock.advance(9_001);
    expect((await next).segments).toHaveLength(now.segments.length);
    await live.packager.close();
  });

  test('delta updates leave out what is old', async () => {
    const live = setup({ lowLatency: true, windowMs: 60_000, idleMs: 1_000_000 });
    await play(live, 0, 20);
    await play(live, 0, 10);
    const whole = await live.playlist();
    const delta = await live.playlist('?_HLS_skip=YES');
    const skipped = Number(/#EXT-X-SKIP:SKIPPED-SEGMENTS=(\d+)/.exec(delta.text)?.[1]);
    expect(skipped).toBeGreaterThan(0);
    expect(delta.mediaSequence).toBe(whole.mediaSequence);
    expect(delta.text).toContain('#EXT-X-VERSION:9\n');
    expect(delta.segments.map(({ uri }) => uri)).toEqual(whole.segments.slice(skipped).map(({ uri }) => uri));
    const left = delta.segments.reduce((sum, { duration }) => sum + duration, 0);
    expect(left).toBeGreaterThanOrEqual(12);
    await live.packager.close();
  });
});

test('start-over begins with the oldest segment', async () => {
  const live = setup();
  await play(live, 0, 6);
  expect((await live.playlist('?from=start')).text).toContain('#EXT-X-START:TIME-OFFSET=0.000,PRECISE=YES\n');
  await live.packager.close();
});

test('is closed, and its tap with it, when nobody has asked for a while', async () => {
  const live = setup({ idleMs: 10_000 });
  await play(live, 0, 6);
  await live.playlist();
  let closed = false;
  void live.packager.closed.then(() => {
    closed = true;
  });
  await live.clock.advance(9_000);
  expect(closed).toBe(false);
  await live.playlist();
  await live.clock.advance(9_500);
  expect(closed).toBe(false);
  await live.clock.advance(1_000);
  expect(closed).toBe(true);
  expect(live.feed.taps).toBe(0);
  expect(live.storage.snapshot.memoryBytes).toBe(0);
  await expect(live.playlist()).rejects.toMatchObject({ code: 'STREAM_STOPPED' });
});

test('who was kept waiting for longer than a silence may last still gets what the answer names', async () => {
  const live = setup({ idleMs: 1_000 });
  const first = live.playlist();
  await play(live, 0, 8);
  const [segment] = (await first).segments;
  await live.clock.advance(900);
  expect((await live.media(segment!.uri)).length).toBeGreaterThan(0);
  await live.packager.close();
});

test('a stream that fails is told to those who wait', async () => {
  const live = setup();
  const waiting = live.playlist();
  const refused = expect(waiting).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  await settle();
  live.feed.end({
    reason: 'failed',
    error: new StreampoolError('UPSTREAM_STATUS', 'the provider answered 404'),
  });
  await refused;
  await live.packager.closed;
});

test('a request that is given up is not waited with', async () => {
  const live = setup();
  const giveUp = new AbortController();
  const asked = live.packager.answer({ path: 'playlist.m3u8', query: new URLSearchParams() }, giveUp.signal);
  giveUp.abort(new Error('gone'));
  await expect(asked).rejects.toThrow('gone');
  await live.packager.close();
});

test.each(['segment/0.ts', 'segment/x.ts', 'segment/../../etc/passwd', 'variant/1.m3u8', ''])(
  '%s is not there',
  async (path) => {
    const live = setup();
    await play(live, 0, 6);
    await live.playlist();
    await expect(live.ask(path)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await live.packager.close();
  },
);
