import fc from 'fast-check';
import { buildTables, ProgramFinder, type ProgramMap, TsScanner } from '../src/index.ts';
import { sample } from './samples.ts';

test.each(['h264', 'audio', 'twoAudios', 'otherPids'] as const)(
  'finds what a scanner finds in %s',
  (name) => {
    const bytes = sample(name);
    const scanned: ProgramMap[] = [];
    new TsScanner({ onProgram: (map) => scanned.push(map) }).scan(bytes, 0);
    expect(scanned).toHaveLength(1);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), (packets) => {
        const found: ProgramMap[] = [];
        const finder = new ProgramFinder((map) => found.push(map));
        for (let at = 0; at < bytes.length; at += packets * 188)
          finder.push(bytes.subarray(at, at + packets * 188));
        expect(found).toEqual(scanned);
      }),
      { numRuns: 10 },
    );
  },
);

test('tells a change of the map, and of its place', () => {
  const found: string[] = [];
  const finder = new ProgramFinder((map) => found.push(`${map.pmtPid} ${map.version} ${map.streams.length}`));
  let map: ProgramMap | undefined;
  new TsScanner({ onProgram: (m) => (map = m) }).scan(sample('h264'), 0);
  const first = map!;
  const mute = { ...first, version: 1, streams: first.streams.slice(0, 1) };
  const moved = { ...mute, pmtPid: 0x1f00 };
  finder.push(buildTables(first));
  finder.push(buildTables(first));
  finder.push(buildTables(mute));
  finder.push(buildTables(moved, { patVersion: 1 }));
  expect(found).toEqual([`${first.pmtPid} 0 2`, `${first.pmtPid} 1 1`, `${0x1f00} 1 1`]);
});
