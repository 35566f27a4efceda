import fc from 'fast-check';
import { frontOf } from '../../src/playlist/keep-in-front.ts';
import { parseMediaPlaylist, progressOf, writeMediaPlaylist } from '../../src/playlist/media-playlist.ts';

interface Listed {
  readonly from: number;
  readonly to: number;
  readonly discontinuities?: number;
  /** Segments that begin with a discontinuity. */
  readonly marked?: readonly number[];
  readonly owner?: string;
  readonly lines?: Readonly<Record<number, string>>;
}

function list({ from, to, discontinuities = 0, marked = [], owner = 'a', lines = {} }: Listed): string {
  const segments = Array.from({ length: to - from + 1 }, (_, index) => {
    const number = from + index;
    return [
      ...(marked.includes(number) ? ['#EXT-X-DISCONTINUITY'] : []),
      ...(lines[number] ? [lines[number]] : []),
      '#EXTINF:2.000,',
      `segment/${owner}${number}.ts`,
    ].join('\n');
  });
  return `#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:${from}\n${
    discontinuities > 0 ? `#EXT-X-DISCONTINUITY-SEQUENCE:${discontinuities}\n` : ''
  }${segments.join('\n')}\n`;
}

const uris = (text: string | undefined): string[] =>
  (text ?? '').split('\n').filter((line) => line !== '' && !line.startsWith('#'));

const merged = (former: string, next: string, isKept: (uri: string) => boolean = () => true) => {
  const result = frontOf(former, next, { isKept });
  return result && writeMediaPlaylist(result);
};

describe('a new owner’s list', () => {
  const former = list({ from: 10, to: 14 });

  test('begins with what is still to be had of the former one', () => {
    const next = list({ from: 15, to: 15, marked: [15], owner: 'b' });
    const text = merged(former, next);
    expect(uris(text)).toEqual([
      'segment/a11.ts',
      'segment/a12.ts',
      'segment/a13.ts',
      'segment/a14.ts',
      'segment/b15.ts',
    ]);
    expect(text).toContain('#EXT-X-MEDIA-SEQUENCE:11\n');
    expect(text).not.toContain('DISCONTINUITY-SEQUENCE');
    expect(text).toContain('#EXT-X-DISCONTINUITY\n#EXTINF:2.000,\nsegment/b15.ts');
  });

  test('leaves out what is before a hole', () => {
    const next = list({ from: 15, to: 15, marked: [15], owner: 'b' });
    expect(uris(merged(former, next, (uri) => uri !== 'segment/a12.ts'))).toEqual([
      'segment/a13.ts',
      'segment/a14.ts',
      'segment/b15.ts',
    ]);
    expect(merged(former, next, (uri) => uri !== 'segment/a14.ts')).toBeUndefined();
  });

  test('needs no front once it is as long as the former one', () => {
    const next = list({ from: 15, to: 19, marked: [15], owner: 'b' });
    expect(merged(former, next)).toBeUndefined();
  });

  test('is never shorter than three target durations where that can be helped', () => {
    const short = list({ from: 10, to: 12 });
    const longer = list({ from: 13, to: 13, marked: [13], owner: 'b' }).replace('DURATION:2', 'DURATION:3');
    expect(uris(merged(short, longer))).toHaveLength(4);
  });

  test('stands for itself where its numbers do not follow', () => {
    expect(merged(former, list({ from: 16, to: 16, owner: 'b' }))).toBeUndefined();
    expect(merged(former, list({ from: 0, to: 1, owner: 'b' }))).toBeUndefined();
    expect(merged(former, list({ from: 12, to: 14, owner: 'a' }))).toBeDefined();
  });

  test('is marked where the new owner counts a discontinuity that it does not show', () => {
    const next = list({ from: 15, to: 15, discontinuities: 1, owner: 'b' });
    expect(merged(former, next)).toContain('#EXT-X-DISCONTINUITY\n#EXTINF:2.000,\nsegment/b15.ts');
    expect(merged(former, list({ from: 15, to: 15, discontinuities: 7, owner: 'b' }))).toBeUndefined();
  });

  test('brings the key that was in force along, and ends it where the new owner has none', () => {
    const key = '#EXT-X-KEY:METHOD=AES-128,URI="segment/k"';
    const encrypted = list({ from: 10, to: 14, lines: { 10: key } });
    const text = merged(encrypted, list({ from: 15, to: 17, marked: [15], owner: 'b' })) ?? '';
    expect(text.indexOf(key)).toBeLessThan(text.indexOf('segment/a13.ts'));
    expect(text.indexOf(key)).toBeGreaterThan(-1);
    expect(text).toMatch(/METHOD=NONE[\s\S]*segment\/b15/);
  });

  test('is left alone where either is no media playlist', () => {
    expect(merged('#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nvariant/a.m3u8\n', former)).toBeUndefined();
    expect(merged(former, 'nothing of the kind')).toBeUndefined();
  });
});

test('numbers of segments and discontinuities stay what they were, whatever is kept', () => {
  const shape = fc.record({
    from: fc.nat(1_000),
    length: fc.integer({ min: 1, max: 8 }),
    discontinuities: fc.nat(5),
    marked: fc.array(fc.nat(7)),
    kept: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    newLength: fc.integer({ min: 1, max: 8 }),
  });
  fc.assert(
    fc.property(shape, ({ from, length, discontinuities, marked, kept, newLength }) => {
      const to = from + length - 1;
      const former = list({ from, to, discontinuities, marked: marked.map((it) => from + it) });
      const before = parseMediaPlaylist(former)!;
      const end = progressOf(before)!;
      const next = list({
        from: to + 1,
        to: to + newLength,
        discontinuities: end.discontinuitySequence,
        marked: [to + 1],
        owner: 'b',
      });
      const result = merged(former, next, (uri) => kept[Number(/\d+/.exec(uri)?.[0]) - from] === true);
      const after = parseMediaPlaylist(result ?? next)!;
      const numbers = new Map(
        [...before.segments, ...parseMediaPlaylist(next)!.segments].map((it) => [
          it.uri,
          [it.sequence, it.discontinuity],
        ]),
      );
      for (const { uri, sequence, discontinuity } of after.segments)
        expect([uri, sequence, discontinuity]).toEqual([uri, ...numbers.get(uri)!]);
      expect(after.segments.length).toBeLessThanOrEqual(Math.max(length, newLength, 3));
    }),
  );
});
