import { checkPlaylist, PlaylistHistory } from '@streampool/testkit';

interface Window {
  readonly from: number;
  readonly to: number;
  readonly target?: number;
  readonly discontinuitySequence?: number;
  /** Sequence numbers with a discontinuity in front. */
  readonly discontinuities?: readonly number[];
  readonly head?: readonly string[];
  readonly tail?: readonly string[];
  readonly uri?: (sequence: number) => string;
  readonly seconds?: (sequence: number) => number;
}

function playlist({ from, to, target = 2, discontinuitySequence = 0, ...rest }: Window): string {
  const { discontinuities = [], head = [], tail = [], uri = (n) => `${n}.ts`, seconds = () => 2 } = rest;
  const lines = [
    '#EXTM3U',
    '#EXT-X-VERSION:9',
    `#EXT-X-TARGETDURATION:${target}`,
    `#EXT-X-MEDIA-SEQUENCE:${from}`,
  ];
  lines.push(`#EXT-X-DISCONTINUITY-SEQUENCE:${discontinuitySequence}`, ...head);
  for (let sequence = from; sequence <= to; sequence++) {
    if (discontinuities.includes(sequence)) lines.push('#EXT-X-DISCONTINUITY');
    lines.push(`#EXTINF:${seconds(sequence)},`, uri(sequence));
  }
  return [...lines, ...tail, ''].join('\n');
}

/** The rules that are broken by a row of playlists, one every two seconds unless told otherwise. */
function broken(windows: readonly Window[], everyMs = 2_000): string[] {
  const history = new PlaylistHistory();
  for (const [index, window] of windows.entries())
    history.add(checkPlaylist(playlist(window)), index * everyMs);
  return history.violations.list.map(({ rule }) => rule);
}

const FOUR = { from: 0, to: 3 };

test('a window that slides, over discontinuities', () => {
  const windows = [
    { from: 0, to: 3, discontinuities: [2] },
    { from: 1, to: 4, discontinuities: [2] },
    { from: 2, to: 5, discontinuities: [2] },
    { from: 3, to: 6, discontinuitySequence: 1, discontinuities: [6] },
    { from: 3, to: 6, discontinuitySequence: 1, discontinuities: [6], tail: ['#EXT-X-ENDLIST'] },
  ];
  expect(broken(windows)).toEqual([]);
});

test.each<[string, Window[], string]>([
  ['the sequence goes back', [{ from: 5, to: 8 }, FOUR], '4.3.3.2'],
  ['the end goes back', [FOUR, { from: 0, to: 2 }], '6.2.1'],
  [
    'another segment under a number',
    [FOUR, { ...FOUR, uri: (n) => (n === 2 ? 'other.ts' : `${n}.ts`) }],
    '6.2.2',
  ],
  ['another duration', [FOUR, { ...FOUR, seconds: (n) => (n === 2 ? 1.9 : 2) }], '6.2.2'],
  ['a discontinuity that appears afterwards', [FOUR, { ...FOUR, discontinuities: [2] }], '6.2.2'],
  ['another target duration', [FOUR, { ...FOUR, target: 3 }], '4.3.3.1'],
  [
    'a discontinuity that is not counted',
    [
      { ...FOUR, discontinuities: [1] },
      { from: 2, to: 5 },
    ],
    '6.2.2',
  ],
  [
    'a discontinuity sequence that goes back',
    [
      { ...FOUR, discontinuitySequence: 4 },
      { from: 1, to: 4 },
    ],
    '6.2.2',
  ],
  ['less than three target durations', [FOUR, { from: 2, to: 3 }], '6.2.2'],
  [
    'more after the end',
    [
      { ...FOUR, tail: ['#EXT-X-ENDLIST'] },
      { from: 0, to: 4 },
    ],
    '6.2.1',
  ],
  [
    'an event that forgets',
    ['EVENT', 'EVENT'].map((type, from) => ({ from, to: 5, head: [`#EXT-X-PLAYLIST-TYPE:${type}`] })),
    '6.2.1',
  ],
  [
    'another type',
    ['VOD', 'EVENT'].map((type) => ({ ...FOUR, head: [`#EXT-X-PLAYLIST-TYPE:${type}`] })),
    '6.2.1',
  ],
  [
    'a delta of what nobody knows',
    [FOUR, { from: 9, to: 12, head: ['#EXT-X-SKIP:SKIPPED-SEGMENTS=2'] }],
    'bis 6.2.5.1',
  ],
])('refused: %s', (_, windows, rule) => {
  expect(broken(windows)).toContain(rule);
});

test('parts must not disappear', () => {
  const part = (n: number): string => `#EXT-X-PART:DURATION=0.5,URI="4.${n}.ts"`;
  expect(
    broken([
      { ...FOUR, tail: [part(0), part(1)] },
      { ...FOUR, tail: [part(0)] },
    ]),
  ).toContain('bis 6.2.1');
});

test('nothing new for more than one and a half target durations', () => {
  const late = [FOUR, FOUR, FOUR, { from: 1, to: 4 }];
  expect(broken(late, 1_000)).toEqual([]);
  expect(broken([FOUR, ...late], 1_500)).toContain('6.2.1');
});

test('what is removed must stay for its own duration and that of the longest playlist', () => {
  const history = new PlaylistHistory();
  history.add(checkPlaylist(playlist(FOUR)), 0);
  const removed = history.add(checkPlaylist(playlist({ from: 1, to: 4 })), 2_000);
  expect(removed.map(({ segment, untilMs }) => [segment.sequence, untilMs])).toEqual([[0, 10_000]]);
});

test('numbers that were never listed are counted as missed', () => {
  const history = new PlaylistHistory();
  history.add(checkPlaylist(playlist(FOUR)), 0);
  history.add(checkPlaylist(playlist({ from: 7, to: 10 })), 2_000);
  expect(history.missed).toEqual([4, 5, 6]);
});

test('a delta update is put together with what was known', () => {
  const history = new PlaylistHistory();
  history.add(checkPlaylist(playlist(FOUR)), 0);
  const delta = playlist({ from: 3, to: 4 }).replace(
    '#EXT-X-MEDIA-SEQUENCE:3',
    '#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-SKIP:SKIPPED-SEGMENTS=2',
  );
  // The discontinuity sequence stands behind the skip in this text, which is of no interest here.
  history.add(checkPlaylist(delta), 2_000);
  expect(history.listed.map(({ sequence, uri }) => [sequence, uri])).toEqual([
    [1, '1.ts'],
    [2, '2.ts'],
    [3, '3.ts'],
    [4, '4.ts'],
  ]);
});
