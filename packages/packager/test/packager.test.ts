import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeErrors, makeSample, probePackets, type SampleOptions } from '@streampool/testkit';
import { atKeyframes, setup } from './packager-setup.ts';
import { settle } from './stream-feed.ts';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'packager-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function sample(options: SampleOptions): Promise<Buffer> {
  return readFileSync((await makeSample(options)).path);
}

/** Lines that ffmpeg complains with when it decodes this. */
async function complaints(bytes: Buffer): Promise<string[]> {
  const path = join(directory, 'whole.ts');
  writeFileSync(path, bytes);
  return decodeErrors(path);
}

describe.each<[string, SampleOptions]>([
  ['H.264 and AAC', { gopSeconds: 1, seconds: 9 }],
  ['HEVC', { codec: 'hevc', gopSeconds: 1, seconds: 7 }],
  ['MPEG-2 and MP2', { codec: 'mpeg2', gopSeconds: 0.5, seconds: 7, audio: [{ codec: 'mp2' }] }],
])('%s', (_, options) => {
  test('becomes segments that begin with a keyframe and lose nothing', async () => {
    const bytes = await sample(options);
    const { feed, playlist, media, everything, packager } = setup();
    await settle();
    feed.push(bytes);
    feed.flush();
    feed.end({ reason: 'ended' });
    const list = await playlist();
    expect(list.ended).toBe(true);
    expect(list.segments.length).toBeGreaterThanOrEqual(3);
    expect(list.text).toContain('#EXT-X-INDEPENDENT-SEGMENTS');
    const total = list.segments.reduce((sum, { duration }) => sum + duration, 0);
    expect(total).toBeCloseTo(options.seconds!, 1);
    for (const [i, { duration, date }] of list.segments.entries()) {
      expect(Math.round(duration)).toBeLessThanOrEqual(list.target);
      if (i < list.segments.length - 1) expect(duration).toBeGreaterThanOrEqual(0.5);
      if (i > 0) {
        const before = list.segments[i - 1]!;
        expect(Math.abs(date - before.date - before.duration * 1000)).toBeLessThanOrEqual(1.5);
      }
    }
    const { uri, duration } = list.segments[1]!;
    const path = join(directory, 'segment.ts');
    writeFileSync(path, await media(uri));
    const packets = await probePackets(path);
    expect(packets[0]?.key).toBe(true);
    expect(packets.length / 25).toBeCloseTo(duration, 1);
    expect(await complaints(await everything())).toEqual([]);
    await packager.close();
  });
});

test('radio is cut by time', async () => {
  const { feed, playlist, everything, packager } = setup();
  await settle();
  feed.push(await sample({ codec: 'audio', seconds: 9, audio: [{}] }));
  feed.flush();
  feed.end({ reason: 'ended' });
  const { segments, target } = await playlist();
  for (const { duration } of segments) expect(Math.round(duration)).toBeLessThanOrEqual(target);
  for (const { duration } of segments.slice(2, -1)) expect(duration).toBeGreaterThanOrEqual(1.8);
  expect(segments.reduce((sum, { duration }) => sum + duration, 0)).toBeCloseTo(9, 0);
  expect(await complaints(await everything())).toEqual([]);
  await packager.close();
});

test('another source begins as a discontinuity, and everything still decodes', async () => {
  const bytes = await sample({ gopSeconds: 1, seconds: 9 });
  const other = await sample({ gopSeconds: 1, seconds: 7, size: '256x144', fps: 50 });
  const { clock, feed, playlist, everything, packager } = setup();
  await settle();
  const seconds = atKeyframes(bytes);
  feed.push(Buffer.concat(seconds.slice(0, 5)));
  feed.push(seconds[5]!.subarray(0, 188 * 40));
  await clock.advance(3_000);
  feed.source();
  feed.push(other);
  feed.flush();
  feed.end({ reason: 'ended' });
  const list = await playlist();
  expect(list.segments.filter(({ discontinuity }) => discontinuity)).toHaveLength(1);
  expect(list.segments[0]!.discontinuity).toBe(false);
  for (const { duration } of list.segments) expect(Math.round(duration)).toBeLessThanOrEqual(list.target);
  const total = list.segments.reduce((sum, { duration }) => sum + duration, 0);
  expect(total).toBeGreaterThan(11.5);
  expect(total).toBeLessThan(13.1);
  expect(await complaints(await everything())).toEqual([]);
  await packager.close();
});
