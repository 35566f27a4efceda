import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProgrammeFolder } from '../src/programme-folder.ts';

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'programme-'));
});
afterEach(() => rm(path, { recursive: true }));

const open = (keepsAll: boolean): Promise<ProgrammeFolder> =>
  ProgrammeFolder.open({ path, listSize: 2, keepsAll });
const add = async (folder: ProgrammeFolder, ...numbers: number[]): Promise<void> => {
  for (const number of numbers)
    await folder.add({ number, durationMs: 2_000, discontinuity: number === 2 }, Buffer.from('TS'), 2);
};
const lines = async (): Promise<string[]> => {
  const text = await readFile(join(path, 'live.m3u8'), 'utf8');
  return text.split('\n').filter((line) => /^live|DISCONTINUITY$|ENDLIST|MEDIA-SEQ/.test(line));
};

test('a recording that another process goes on with lists all of it, and says when it is complete', async () => {
  await add(await open(true), 0, 1);
  const next = await open(true);
  await add(next, 2);
  await next.finish();
  const all = [
    '#EXT-X-MEDIA-SEQUENCE:0',
    'live000000.ts',
    'live000001.ts',
    '#EXT-X-DISCONTINUITY',
    'live000002.ts',
  ];
  expect(await lines()).toEqual([...all, '#EXT-X-ENDLIST']);
  await add(next, 3);
  expect(await lines()).toEqual([...all, 'live000003.ts']);
});

test('a recording that was over before this process is still shown, and none of it is lost where numbers leap', async () => {
  await add(await open(true), 0);
  const next = await open(true);
  await next.finish();
  expect(next.playlist?.toString()).toMatch(/live000000\.ts\n#EXT-X-ENDLIST\n$/);
  await add(next, 7);
  expect(await lines()).toEqual(['#EXT-X-MEDIA-SEQUENCE:0', 'live000000.ts', 'live000007.ts']);
});

test('a recording whose numbers begin again lists none that is written over', async () => {
  const folder = await open(true);
  await add(folder, 0, 1, 0);
  expect(await lines()).toEqual(['#EXT-X-MEDIA-SEQUENCE:0', 'live000000.ts']);
});

test('a channel has no end, and lists what is new', async () => {
  const folder = await open(false);
  await add(folder, 0, 1, 2);
  await folder.finish();
  const newest = ['live000001.ts', '#EXT-X-DISCONTINUITY', 'live000002.ts'];
  expect(await lines()).toEqual(['#EXT-X-MEDIA-SEQUENCE:1', ...newest]);
  await add(await open(false), 9);
  expect(await lines()).toEqual(['#EXT-X-MEDIA-SEQUENCE:9', 'live000009.ts']);
});

test('a channel that goes on from another process counts its discontinuities on', async () => {
  const folder = await open(false);
  folder.goOn({ discontinuitySequence: 3 });
  expect(folder.progress).toBeUndefined();
  await add(folder, 2);
  expect(folder.progress).toEqual({ mediaSequence: 2, discontinuitySequence: 4 });
  expect(folder.playlist?.toString()).toContain('#EXT-X-DISCONTINUITY-SEQUENCE:3\n');
  // The first of them is the tag of the segment that is here; it leaves, and is counted.
  await add(folder, 3, 4);
  expect(folder.playlist?.toString()).toContain('#EXT-X-DISCONTINUITY-SEQUENCE:4\n');
});
