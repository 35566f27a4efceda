import { readMediaPlaylist } from '@streampool/hls';
import { StreamNumbers } from '../src/playlist/stream-numbers.ts';
import { Timeline } from '../src/playlist/timeline.ts';

const KEY = '#EXT-X-KEY:METHOD=AES-128,URI="k.key"';

/** The playlist of a source that goes on after another one, whose newest number was 12. */
function after(text: string): string[] {
  const timeline = new Timeline({ numbers: new StreamNumbers(), isHeld: () => false });
  const take = (body: string, era: number): void => {
    const list = readMediaPlaylist(body);
    timeline.take({ text: body, list, era, identityOf: ({ uri }) => uri }, era * 4_000);
  };
  take(playlist(10, ['a', 'b', 'c']), 0);
  take(text, 1);
  return timeline.render().split('\n');
}

function playlist(sequence: number, names: readonly string[], more: readonly string[] = []): string {
  return [
    '#EXTM3U',
    '#EXT-X-TARGETDURATION:2',
    `#EXT-X-MEDIA-SEQUENCE:${sequence}`,
    ...names.flatMap((name) => [...name.split(' ').slice(1), '#EXTINF:2,', `${name.split(' ')[0]}.ts`]),
    ...more,
    '',
  ].join('\n');
}

/** The key that a player uses for each segment of the second source. */
function keysOf(lines: readonly string[]): (string | undefined)[] {
  let key: string | undefined;
  const keys: (string | undefined)[] = [];
  for (const line of lines) {
    if (line.startsWith('#EXT-X-KEY:')) key = line;
    if (/^[x-z]\.ts$/.test(line)) keys.push(key);
  }
  return keys;
}

const vector = (number: number): string => `${KEY},IV=0x${number.toString(16).padStart(32, '0')}`;

test('segments that are numbered anew are decrypted with the numbers of their provider', () => {
  const lines = after(playlist(5_000, [`x ${KEY}`, 'y', 'z']));
  // Of the three of the second source those follow for which there has been time.
  const wanted = [5_000, 5_001, 5_002].map(vector);
  const keys = keysOf(lines);
  expect(keys.length).toBeGreaterThan(1);
  expect(keys).toEqual(wanted.slice(-keys.length));
  expect(lines).toContain('#EXT-X-VERSION:2');
});

test('so are the parts of the segment that is not complete', () => {
  const part = '#EXT-X-PART:DURATION=1,URI="p.ts"';
  const lines = after(playlist(5_000, [`x ${KEY}`, 'y', 'z'], [part]));
  expect(lines[lines.indexOf(part) - 1]).toBe(vector(5_003));
});

test('keys with a vector, and keys of other systems, stay as they are', () => {
  for (const key of [
    `${KEY},IV=0x00000000000000000000000000000001`,
    '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"',
  ]) {
    const keys = keysOf(after(playlist(5_000, [`x ${key.replaceAll(' ', '')}`, 'y', 'z'])));
    expect(new Set(keys)).toEqual(new Set([key]));
  }
});
