import type { ProgramMap } from '@streampool/mpegts';
import { ReadTracks } from '../../src/transcode/read-tracks.ts';

const program = (...tracks: [pid: number, kind: 'video' | 'audio' | 'data'][]): ProgramMap =>
  ({ streams: tracks.map(([pid, kind]) => ({ pid, kind })) }) as unknown as ProgramMap;

const AV = program([1, 'video'], [2, 'audio']);

test.each([
  ['the same', AV, true],
  ['other data', program([1, 'video'], [2, 'audio'], [9, 'data']), true],
  ['one more language', program([1, 'video'], [2, 'audio'], [3, 'audio']), true],
  ['another video codec', program([5, 'video'], [2, 'audio']), false],
  ['another audio codec', program([1, 'video'], [6, 'audio']), false],
  ['no audio', program([1, 'video']), false],
])('%s', (_what, next, fits) => {
  const tracks = new ReadTracks();
  tracks.open(AV);
  expect(tracks.fits(next)).toBe(fits);
});

test('sound where there was none is for another FFmpeg; what is not known is for none', () => {
  const tracks = new ReadTracks();
  expect(tracks.fits(AV)).toBe(true);
  tracks.see(program([1, 'video']));
  tracks.see(AV);
  expect(tracks.fits(AV)).toBe(false);
  tracks.open(AV);
  expect(tracks.fits(undefined)).toBe(true);
});
