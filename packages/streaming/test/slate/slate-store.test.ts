import { StreampoolError } from '@streampool/errors';
import type { ProgramMap } from '@streampool/mpegts';
import { SlateStore } from '../../src/slate/index.ts';
import { type MediaFormat, parseFormat } from '../../src/slate/media-format.ts';
import type { Slate } from '../../src/slate/slate.ts';

const NONE = Buffer.alloc(0);

const stream = (pid: number, kind: 'video' | 'audio', codec: string) => ({
  ...{ pid, kind, codec, streamType: 0, descriptors: NONE },
});
const program = (...audio: string[]): ProgramMap =>
  ({
    pcrPid: 256,
    streams: [stream(256, 'video', 'h264'), ...audio.map((codec, i) => stream(257 + i, 'audio', codec))],
  }) as unknown as ProgramMap;

const video = { codec: 'h264', width: 1920, height: 1080, aspect: '1:1', rate: [25, 1], bits: 8 } as const;
const track = (codec: string) => ({ codec, sampleRate: 48_000, layout: 'stereo' });

/** A store whose slates have 10 bytes each and are made when the test says so. */
class Stage {
  nowMs = 0;
  format: MediaFormat = { video, audio: [track('aac')] };
  readonly made: MediaFormat[] = [];
  readonly failures: string[] = [];
  fails = false;
  running = 0;
  mostAtOnce = 0;
  readonly store = new SlateStore({
    ffmpegPath: 'ffmpeg',
    budgetBytes: 25,
    queueBytes: 150,
    now: () => this.nowMs,
    onFailed: ({ code }, format) => this.failures.push(`${code} ${format}`),
    describe: async () => this.format,
    make: async (format) => {
      this.made.push(format);
      this.running += 1;
      this.mostAtOnce = Math.max(this.mostAtOnce, this.running);
      await new Promise((done) => setImmediate(done));
      this.running -= 1;
      if (this.fails) throw new StreampoolError('FFMPEG_FAILED', 'no encoder');
      const units = { units: [], unitTicks: 1 };
      const audio = new Map(format.audio.map(({ codec }) => [`${codec}/48000/stereo`, units]));
      return { video: units, audio, bytes: 10 } satisfies Slate;
    },
  });

  find(...audio: string[]) {
    this.format = { video, audio: audio.map(track) };
    return this.store.find(NONE, program(...audio));
  }
}

test('one slate per codec set, however many ask for it, made one at a time', async () => {
  const stage = new Stage();
  const [one, other] = await Promise.all([stage.find('aac'), stage.find('aac')]);
  expect(other!.slate).toBe(one!.slate);
  await Promise.all([stage.find('ac3'), stage.store.find(NONE, program('ac3'))]);
  expect(stage.made).toHaveLength(2);
  expect(stage.mostAtOnce).toBe(1);
});

test('tracks that are the same share one, and those that cannot be made are left out', async () => {
  const stage = new Stage();
  const found = await stage.find('aac', 'dts', 'aac', 'ac3');
  expect(stage.made[0]!.audio.map(({ codec }) => codec)).toEqual(['aac', 'ac3']);
  expect([...found!.audio]).toEqual([
    [257, 'aac/48000/stereo'],
    [259, 'aac/48000/stereo'],
    [260, 'ac3/48000/stereo'],
  ]);
});

test('a picture that cannot be made: none', async () => {
  const stage = new Stage();
  stage.format = { video: { ...video, codec: 'vc1' }, audio: [track('aac')] };
  expect(await stage.store.find(NONE, program('aac'))).toBeUndefined();
  expect(stage.made).toEqual([]);
  expect(stage.failures).toEqual(['FFMPEG_FAILED unknown']);
});

test('those that were not asked for the longest make room', async () => {
  const stage = new Stage();
  await stage.find('aac');
  await stage.find('ac3');
  await stage.find('aac');
  await stage.find('mp2');
  expect(stage.store.bytes).toBe(20);
  await stage.find('aac');
  expect(stage.made).toHaveLength(3);
  await stage.find('ac3');
  expect(stage.made).toHaveLength(4);
});

test('what failed is tried again, but not soon', async () => {
  const stage = new Stage();
  stage.fails = true;
  expect(await stage.find('aac')).toBeUndefined();
  stage.fails = false;
  stage.nowMs += 60_000;
  expect(await stage.find('aac')).toBeUndefined();
  expect(stage.failures).toHaveLength(1);
  stage.nowMs += 10 * 60_000;
  expect(await stage.find('aac')).toBeDefined();
});

test('closed, it makes nothing and says nothing', async () => {
  const stage = new Stage();
  const asked = stage.find('aac');
  await stage.store.close();
  expect(await asked).toBeUndefined();
  expect(await stage.find('ac3')).toBeUndefined();
  expect(stage.failures).toEqual([]);
  expect(stage.store.bytes).toBe(0);
});

test('what FFmpeg says is understood', () => {
  const streams = program('ac3').streams;
  const said = [
    '#codec_id 0: h264',
    '#dimensions 0: 720x576',
    '#sar 0: 64/45',
    '#codec_id 1: ac3',
    '#sample_rate 1: 48000',
    '#channel_layout_name 1: 5.1(side)',
    'YUV4MPEG2 W720 H576 F30000:1001 Ip A64:45 C420p10 XYSCSS=420P10',
  ].join('\n');
  expect(parseFormat(said, streams)).toEqual({
    video: { codec: 'h264', width: 720, height: 576, aspect: '64:45', rate: [30_000, 1_001], bits: 10 },
    audio: [{ codec: 'ac3', sampleRate: 48_000, layout: '5.1(side)' }],
  });
  // A frame rate guessed from two pictures.
  expect(parseFormat(said.replace('F30000:1001', 'F90000:1'), streams)!.video!.rate).toEqual([25, 1]);
  expect(parseFormat(said.replace('#sample_rate 1: 48000', ''), streams)).toBeUndefined();
  expect(parseFormat('', streams)).toBeUndefined();
});

test('samples that wait are counted', async () => {
  const stage = new Stage();
  const asked = [1, 2].map(() => stage.store.find(Buffer.alloc(100), program('aac')));
  expect(stage.store.isBusy).toBe(true);
  await Promise.all(asked);
  expect(stage.store.isBusy).toBe(false);
});
