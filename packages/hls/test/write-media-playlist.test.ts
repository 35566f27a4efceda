import fc from 'fast-check';
import {
  isPlaylist,
  type PlaylistHead,
  type PlaylistSegment,
  writeHead,
  writeSegment,
  writeTail,
} from '../src/index.ts';

const HEAD: PlaylistHead = {
  targetDurationS: 3,
  mediaSequence: 17,
  discontinuitySequence: 2,
  independentSegments: true,
};

test('a playlist of segments', () => {
  const text =
    writeHead(HEAD) +
    writeSegment({ uri: 'segment/17.ts', durationMs: 2_000, discontinuity: false, programDateTimeMs: 0 }) +
    writeSegment({ uri: 'segment/18.ts', durationMs: 1_919.9999, discontinuity: true }) +
    writeTail({ ended: true });
  expect(text).toBe(`#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:3
#EXT-X-MEDIA-SEQUENCE:17
#EXT-X-DISCONTINUITY-SEQUENCE:2
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z
#EXTINF:2.000,
segment/17.ts
#EXT-X-DISCONTINUITY
#EXTINF:1.920,
segment/18.ts
#EXT-X-ENDLIST
`);
});

test('a playlist of parts', () => {
  const part = { uri: 'segment/17.0.ts', durationMs: 320, independent: true };
  const text =
    writeHead({
      ...HEAD,
      independentSegments: false,
      serverControl: { canBlockReload: true, canSkipUntilMs: 18_000, partHoldBackMs: 999 },
      partTargetMs: 333,
      startMs: 0,
      skippedSegments: 4,
    }) +
    writeSegment({ uri: 'segment/17.ts', durationMs: 2_000, discontinuity: true, programDateTimeMs: 1_500 }, [
      part,
    ]) +
    writeTail(
      { parts: [{ ...part, uri: 'segment/18.0.ts', independent: false }], preloadHint: 'segment/18.1.ts' },
      { discontinuity: true, programDateTimeMs: 3_500 },
    );
  expect(text).toBe(`#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:3
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=18.000,PART-HOLD-BACK=0.999
#EXT-X-PART-INF:PART-TARGET=0.333
#EXT-X-MEDIA-SEQUENCE:17
#EXT-X-DISCONTINUITY-SEQUENCE:2
#EXT-X-START:TIME-OFFSET=0.000,PRECISE=YES
#EXT-X-SKIP:SKIPPED-SEGMENTS=4
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:01.500Z
#EXT-X-PART:DURATION=0.320,URI="segment/17.0.ts",INDEPENDENT=YES
#EXTINF:2.000,
segment/17.ts
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:03.500Z
#EXT-X-PART:DURATION=0.320,URI="segment/18.0.ts"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="segment/18.1.ts"
`);
});

test('where nothing follows the last segment, nothing is said of the next', () => {
  const next = { discontinuity: true, programDateTimeMs: 0 };
  expect(writeTail({}, next)).toBe('');
  expect(writeTail({ preloadHint: 'segment/1.0.ts' }, next)).toBe(
    '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="segment/1.0.ts"\n',
  );
  expect(writeTail({ preloadHint: 'segment/1.0.ts', ended: true })).toBe('#EXT-X-ENDLIST\n');
});

test('whatever is written is a playlist of decimal numbers, to the microsecond', () => {
  const segment: fc.Arbitrary<PlaylistSegment> = fc.record({
    uri: fc.nat().map((n) => `segment/${n}.ts`),
    durationMs: fc.double({ min: 0.001, max: 100_000, noNaN: true }),
    discontinuity: fc.boolean(),
    programDateTimeMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 20 }), (segments) => {
      const text = writeHead(HEAD) + segments.map((one) => writeSegment(one)).join('') + writeTail({});
      expect(isPlaylist(undefined, Buffer.from(text), '')).toBe(true);
      const durations = [...text.matchAll(/^#EXTINF:(.*),$/gm)].map(([, duration = '']) => duration);
      expect(durations).toHaveLength(segments.length);
      for (const [i, duration] of durations.entries()) {
        expect(duration).toMatch(/^\d+\.\d{3,6}$/);
        expect(Math.abs(Number(duration) * 1000 - segments[i]!.durationMs)).toBeLessThanOrEqual(0.0006);
      }
      expect(text.match(/^#EXT-X-DISCONTINUITY$/gm) ?? []).toHaveLength(
        segments.filter(({ discontinuity }) => discontinuity).length,
      );
      for (const [, date = ''] of text.matchAll(/^#EXT-X-PROGRAM-DATE-TIME:(.*)$/gm))
        expect(Number.isNaN(Date.parse(date))).toBe(false);
    }),
  );
});
