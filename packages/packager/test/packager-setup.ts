import type { HlsAnswer, HlsRequest } from '@streampool/hls';
import { TsScanner } from '@streampool/mpegts';
import { pino } from 'pino';
import { DEFAULT_PACKAGER_SETTINGS, Packager, type PackagerOptions, SegmentStorage } from '../src/index.ts';
import { type ReadPlaylist, readPlaylist } from './media-playlist.ts';
import { ManualClock, StreamFeed } from './stream-feed.ts';

const log = pino({ level: 'silent' });
const NEVER = new AbortController().signal;

/** The same bytes in pieces that begin with a keyframe each. */
export function atKeyframes(bytes: Buffer): Buffer[] {
  const starts: number[] = [];
  new TsScanner({ onAccessPoint: ({ offset }) => starts.push(offset) }).scan(bytes, 0);
  return starts.map((start, i) => bytes.subarray(i === 0 ? 0 : start, starts[i + 1]));
}

type SetupOptions = Partial<PackagerOptions['settings']> &
  Partial<Pick<PackagerOptions, 'resume' | 'lowLatency' | 'storage'>> & {
    /** What the ring holds when the tap is opened. */
    readonly replay?: readonly Buffer[];
  };

/** A packager of a stream that a test pushes, in time that a test moves. */
export function setup({ resume, lowLatency, storage: given, replay = [], ...settings }: SetupOptions = {}) {
  const clock = new ManualClock();
  const feed = new StreamFeed(clock);
  const storage =
    given ??
    new SegmentStorage({ memoryBudgetBytes: 64 * 1024 * 1024, streamBudgetBytes: 64 * 1024 * 1024, log });
  const packager = new Packager({
    streamId: 'stream',
    tap: (sink) => {
      const tap = feed.tap(sink);
      for (const bytes of replay) feed.push(bytes);
      return tap;
    },
    settings: { ...DEFAULT_PACKAGER_SETTINGS, ...settings },
    storage,
    clock,
    log,
    ...(resume && { resume }),
    ...(lowLatency !== undefined && { lowLatency }),
  });
  const ask = (path: string, more: Partial<HlsRequest> = {}): Promise<HlsAnswer> => {
    const [name = '', query = ''] = path.split('?');
    return packager.answer({ path: name, query: new URLSearchParams(query), ...more }, NEVER);
  };
  const playlist = async (query = ''): Promise<ReadPlaylist> =>
    readPlaylist(((await ask(`playlist.m3u8${query}`)).body as Buffer).toString());
  const media = async (path: string): Promise<Buffer> => (await ask(path)).body as Buffer;
  const everything = async (): Promise<Buffer> => {
    const { segments } = await playlist();
    return Buffer.concat(await Promise.all(segments.map(({ uri }) => media(uri))));
  };
  return { clock, feed, storage, packager, ask, playlist, media, everything };
}
