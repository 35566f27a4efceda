import { readMediaPlaylist } from '@streampool/hls';
import fc from 'fast-check';
import { StreamNumbers } from '../src/playlist/stream-numbers.ts';
import { Timeline } from '../src/playlist/timeline.ts';
import { numberIn } from './proxy-host.ts';

interface Source {
  readonly name: string;
  sequence: number;
  discontinuities: number;
  names: string[];
  made: number;
  marked: Set<string>;
}

const WINDOW = 4;
const SECONDS = 6;

function source(name: string, sequence: number): Source {
  const it: Source = { name, sequence, discontinuities: 0, names: [], made: 0, marked: new Set() };
  for (let n = 0; n < WINDOW; n += 1) move(it);
  return it;
}

function move(it: Source, marked = false): void {
  const name = `${it.name}-${it.made++}.ts`;
  it.names.push(name);
  if (marked) it.marked.add(name);
  while (it.names.length > WINDOW) {
    const gone = it.names.shift()!;
    it.sequence += 1;
    if (it.marked.has(gone)) it.discontinuities += 1;
  }
}

function write(it: Source): string {
  const lines = ['#EXTM3U', `#EXT-X-TARGETDURATION:${SECONDS}`, `#EXT-X-MEDIA-SEQUENCE:${it.sequence}`];
  lines.push(`#EXT-X-DISCONTINUITY-SEQUENCE:${it.discontinuities}`);
  for (const name of it.names)
    lines.push(...(it.marked.has(name) ? ['#EXT-X-DISCONTINUITY'] : []), `#EXTINF:${SECONDS},`, name);
  return `${lines.join('\n')}\n`;
}

class Watched {
  readonly timeline: Timeline;
  now = 0;
  held = (_name: string): boolean => true;

  constructor(numbers = new StreamNumbers()) {
    this.timeline = new Timeline({ numbers, isHeld: ({ uri }) => this.held(uri) });
  }

  take(it: Source, era: number, resume?: { mediaSequence: number; discontinuitySequence: number }): string {
    const text = write(it);
    const list = readMediaPlaylist(text);
    this.timeline.take({ text, list, era, identityOf: ({ uri }) => uri }, this.now, resume);
    return this.timeline.render();
  }
}

/** What RFC 8216 §6.2.2 has a client rely on: our number and our discontinuity sequence of each segment. */
function numbersOf(text: string): Map<number, { uri: string; discontinuity: number }> {
  const list = readMediaPlaylist(text);
  let discontinuity = list.discontinuitySequence ?? 0;
  return new Map(
    list.segments.map(({ uri, isDiscontinuity }, index) => {
      if (isDiscontinuity) discontinuity += 1;
      return [list.mediaSequence + index, { uri, discontinuity }];
    }),
  );
}

test('one source that only grows is passed on untouched', () => {
  const watched = new Watched();
  const it = source('a', 1_000);
  for (let n = 0; n < 10; n += 1) {
    expect(watched.take(it, 0)).toBe(write(it));
    move(it, n % 3 === 0);
    watched.now += SECONDS * 1000;
  }
});

test('a jump forward is passed on untouched', () => {
  const watched = new Watched();
  const it = source('a', 10);
  watched.take(it, 0);
  for (let n = 0; n < 50; n += 1) move(it);
  expect(watched.take(it, 0)).toBe(write(it));
});

test('a provider that begins anew goes on under growing numbers', () => {
  const watched = new Watched();
  const before = source('a', 900);
  watched.take(before, 0);
  const text = watched.take(source('b', 0), 0);
  expect(
    [...numbersOf(text)].map(([number, { uri, discontinuity }]) => [number, uri, discontinuity]),
  ).toEqual([...[904, 905, 906, 907].map((number, index) => [number, `b-${index}.ts`, 1])]);
});

test('an answer from before the last one changes nothing', () => {
  const watched = new Watched();
  const it = source('a', 5);
  const stale = { ...it, names: [...it.names] };
  move(it);
  const text = watched.take(it, 0);
  expect(watched.take(stale, 0)).toBe(text);
});

test('an empty playlist takes nothing away', () => {
  const watched = new Watched();
  const text = watched.take(source('a', 5), 0);
  const empty = { ...source('b', 0), names: [] };
  expect(watched.take(empty, 0)).toBe(text);
  expect(watched.take(empty, 1)).toBe(text);
});

test('what can be had of the lost source stays listed, and so much of the new one follows as time has passed', () => {
  const watched = new Watched();
  watched.take(source('a', 100), 0);
  watched.now += 2 * SECONDS * 1000;
  const text = watched.take(source('b', 7_000), 1);
  expect(
    [...numbersOf(text)].map(([number, { uri, discontinuity }]) => [number, uri, discontinuity]),
  ).toEqual([
    [102, 'a-2.ts', 0],
    [103, 'a-3.ts', 0],
    [104, 'b-2.ts', 1],
    [105, 'b-3.ts', 1],
  ]);
  watched.held = (name) => name !== 'b-3.ts';
  watched.now += SECONDS * 1000;
  const gap = watched.take(source('c', 1), 2);
  expect([...numbersOf(gap)].map(([number, { uri }]) => [number, uri])).toEqual([
    [104, 'b-2.ts'],
    [105, 'b-3.ts'],
    [106, 'c-2.ts'],
    [107, 'c-3.ts'],
  ]);
  // Players know its number, so that stays; the time that it would have filled is the other's.
  expect(gap).toContain('#EXT-X-GAP\n#EXTINF:6,\nb-3.ts\n#EXT-X-DISCONTINUITY\n');
  expect(gap.match(/#EXT-X-GAP/g)).toHaveLength(1);
  expect(gap).toMatch(/^#EXTM3U\n#EXT-X-VERSION:8\n/);
});

test('what was on its way when its source was left comes too late', () => {
  const watched = new Watched();
  const it = source('a', 100);
  watched.take(it, 0);
  const text = watched.take(source('b', 7_000), 1);
  move(it);
  expect(watched.take(it, 0)).toBe(text);
});

test('keys and initialization sections are those of each segment’s own source', () => {
  const timeline = new Timeline({ numbers: new StreamNumbers(), isHeld: () => true });
  const take = (text: string, era: number): string => {
    timeline.take({ text, list: readMediaPlaylist(text), era, identityOf: ({ uri }) => uri }, 0);
    return timeline.render();
  };
  const head = '#EXTM3U\n#EXT-X-TARGETDURATION:6\n';
  take(`${head}#EXT-X-KEY:METHOD=AES-128,URI="k1"\n#EXTINF:6,\na-0.ts\n#EXTINF:6,\na-1.ts\n`, 0);
  expect(take(`${head}#EXTINF:6,\nb-0.ts\n#EXTINF:6,\nb-1.ts\n`, 1).split('\n').slice(4)).toEqual([
    '#EXT-X-KEY:METHOD=AES-128,URI="k1"',
    '#EXTINF:6,',
    'a-0.ts',
    '#EXTINF:6,',
    'a-1.ts',
    '#EXT-X-DISCONTINUITY',
    '#EXT-X-KEY:METHOD=NONE',
    '#EXTINF:6,',
    'b-1.ts',
    '',
  ]);
  const mapped = take(
    `${head}#EXT-X-MAP:URI="m"\n#EXT-X-KEY:METHOD=AES-128,URI="k2"\n#EXTINF:6,\n#EXT-X-BYTERANGE:10@0\nc.mp4\n#EXTINF:6,\n#EXT-X-BYTERANGE:20\nc.mp4\n`,
    2,
  );
  expect(mapped.split('\n').slice(-7)).toEqual([
    '#EXT-X-DISCONTINUITY',
    '#EXT-X-KEY:METHOD=AES-128,URI="k2",IV=0x00000000000000000000000000000001',
    '#EXT-X-MAP:URI="m"',
    '#EXTINF:6,',
    '#EXT-X-BYTERANGE:20@10',
    'c.mp4',
    '',
  ]);
  // An initialization section cannot be taken back, so what needs one does not stand before what needs none.
  expect(take(`${head}#EXTINF:6,\nd-0.ts\n`, 3)).not.toContain('c.mp4');
});

test('variants of one stream go on under the same numbers', () => {
  const numbers = new StreamNumbers();
  const [low, high] = [new Watched(numbers), new Watched(numbers)];
  low.take(source('a', 50), 0);
  high.take(source('a', 50), 0);
  const first = low.take(source('b', 3), 1);
  high.now += SECONDS * 1000;
  const second = high.take(source('b', 3), 1);
  const fresh = new Watched(numbers).take(source('b', 3), 1);
  const placesOf = (text: string) =>
    new Map([...numbersOf(text)].map(([number, { uri, discontinuity }]) => [uri, { number, discontinuity }]));
  for (const text of [second, fresh]) {
    const places = placesOf(text);
    expect(places.get('b-3.ts')).toEqual(placesOf(first).get('b-3.ts'));
    expect(places.has('b-3.ts')).toBe(true);
  }
});

test.each([
  ['goes on where it was', 103, 100],
  ['has gone on meanwhile', 99, 100],
])('another node’s numbers: the same source %s', (_, newest, first) => {
  const text = new Watched().take(source('a', first), 0, { mediaSequence: newest, discontinuitySequence: 0 });
  expect(numberIn(text, 'EXT-X-MEDIA-SEQUENCE')).toBe(first);
});

test('another node’s numbers go on, where the source’s own would forget a discontinuity', () => {
  const text = new Watched().take(source('a', 100), 0, { mediaSequence: 102, discontinuitySequence: 1 });
  expect([...numbersOf(text)][0]).toEqual([103, { uri: 'a-1.ts', discontinuity: 2 }]);
});

test('another node’s numbers go on, where those of the source are others', () => {
  const text = new Watched().take(source('a', 5), 0, { mediaSequence: 9_000, discontinuitySequence: 2 });
  expect([...numbersOf(text)][0]).toEqual([9_001, { uri: 'a-1.ts', discontinuity: 3 }]);
});

test('a provider that forgets its discontinuities does not take ours back', () => {
  const watched = new Watched();
  const it = source('a', 0);
  move(it, true);
  const forgetful = (): string => {
    it.discontinuities = 0;
    const text = write(it).replace(/#EXT-X-DISCONTINUITY-SEQUENCE:\d+\n/, '');
    watched.timeline.take({ text, list: readMediaPlaylist(text), era: 0, identityOf: ({ uri }) => uri }, 0);
    return watched.timeline.render();
  };
  forgetful();
  for (let n = 0; n < 6; n += 1) {
    move(it);
    forgetful();
  }
  expect([...numbersOf(forgetful()).values()].map(({ discontinuity }) => discontinuity)).toEqual([
    1, 1, 1, 1,
  ]);
});

test('whatever becomes of the sources, numbers never go back and never stand for two segments', () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('move' as const),
        times: fc.integer({ min: 0, max: 3 }),
        marked: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('switch' as const),
        sequence: fc.integer({ min: 0, max: 50 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('hold' as const), held: fc.boolean() }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const numbers = new StreamNumbers();
      const all = [new Watched(numbers), new Watched(numbers)];
      const seen = all.map(() => new Map<number, { uri: string; discontinuity: number }>());
      const last = all.map(() => ({ first: -1, newest: -1, discontinuity: -1 }));
      let [era, made] = [0, 0];
      let it = source('s0', 20);
      for (const one of steps) {
        if (one.kind === 'move') for (let n = 0; n < one.times; n += 1) move(it, one.marked);
        else if (one.kind === 'switch') {
          era += 1;
          it = source(`s${++made}`, one.sequence);
        } else if (one.kind === 'restart') {
          if (it.sequence < 5) continue;
          it = source(`s${++made}`, 0);
        } else for (const watched of all) watched.held = () => one.held;
        all.forEach((watched, index) => {
          watched.now += SECONDS * 1000;
          const text = watched.take(it, era);
          const now = numbersOf(text);
          const [first] = now.keys();
          const [newest, { discontinuity }] = [...now].at(-1)!;
          const before = last[index]!;
          // Plain comparisons: a million matchers take longer than what they look at.
          if (first! < before.first || newest < before.newest || discontinuity < before.discontinuity)
            throw new Error(`back from ${JSON.stringify(before)} to ${first}, ${newest}, ${discontinuity}`);
          last[index] = { first: first!, newest, discontinuity };
          for (const [number, segment] of now) {
            const known = seen[index]!.get(number) ?? segment;
            if (known.uri !== segment.uri || known.discontinuity !== segment.discontinuity)
              throw new Error(`${number} stands for ${known.uri} and ${segment.uri}`);
            seen[index]!.set(number, segment);
          }
          expect(watched.timeline.progress).toEqual({
            mediaSequence: newest,
            discontinuitySequence: discontinuity,
          });
        });
      }
    }),
    { numRuns: 150 },
  );
});
