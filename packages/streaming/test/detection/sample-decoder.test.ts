import { StreampoolError } from '@streampool/errors';
import type { decodeBytes } from '@streampool/ffmpeg';
import { SampleDecoder, type SampleDecoderOptions } from '../../src/detection/index.ts';

const sample = (bytes: number) => ({ packets: Buffer.alloc(bytes), args: [], maxOutputBytes: 10 });
const never = new AbortController().signal;

/** A decoder whose FFmpegs end when they are told to. */
function setup(options: Partial<SampleDecoderOptions> = {}) {
  const runs: { resolve: (output: Buffer) => void; reject: (error: Error) => void; bytes: number }[] = [];
  const decode: typeof decodeBytes = ({ input, signal }) =>
    new Promise((resolve, reject) => {
      runs.push({ resolve, reject, bytes: input.length });
      signal?.addEventListener('abort', () => reject(new StreampoolError('FFMPEG_FAILED', 'aborted')));
    });
  const decoder = new SampleDecoder({ ffmpegPath: 'ffmpeg', atOnce: 1, decode, ...options });
  return { decoder, runs };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('no more than allowed at once, in the order they came', async () => {
  const { decoder, runs } = setup({ atOnce: 2 });
  const outputs = [1, 2, 3].map((bytes) => decoder.decode(sample(bytes), never));
  expect(runs.map(({ bytes }) => bytes)).toEqual([1, 2]);
  runs[1]?.resolve(Buffer.from('two'));
  await settle();
  expect(runs.map(({ bytes }) => bytes)).toEqual([1, 2, 3]);
  runs[0]?.resolve(Buffer.from('one'));
  runs[2]?.resolve(Buffer.from('three'));
  expect((await Promise.all(outputs)).map(String)).toEqual(['one', 'two', 'three']);
  await settle();
  expect(decoder.busy).toBe(false);
  expect(decoder.stats).toEqual({ decoded: 3, failed: 0, dropped: 0 });
});

test('what does not fit into the queue is dropped, and the queue empties again', async () => {
  const { decoder, runs } = setup({ queueBytes: 100 });
  const outputs = [60, 60, 60].map((bytes) => decoder.decode(sample(bytes), never));
  // The first is being decoded and no longer waits.
  expect(await outputs[2]).toBeUndefined();
  expect(decoder.stats.dropped).toBe(1);
  runs[0]?.resolve(Buffer.alloc(1));
  await settle();
  runs[1]?.resolve(Buffer.alloc(1));
  expect(await outputs[1]).toHaveLength(1);
  await settle();
  const after = decoder.decode(sample(100), never);
  runs[2]?.resolve(Buffer.alloc(1));
  expect(await after).toHaveLength(1);
});

test('a failure is no answer, is counted, and holds nobody up', async () => {
  const { decoder, runs } = setup();
  const outputs = [1, 2].map((bytes) => decoder.decode(sample(bytes), never));
  runs[0]?.reject(new StreampoolError('FFMPEG_STALLED', 'late'));
  expect(await outputs[0]).toBeUndefined();
  await settle();
  runs[1]?.resolve(Buffer.alloc(2));
  expect(await outputs[1]).toHaveLength(2);
  expect(decoder.stats).toMatchObject({ decoded: 1, failed: 1 });
  expect(decoder.lastError).toMatchObject({ code: 'FFMPEG_STALLED' });
});

test('a sample can be taken back, waiting or running, which is no failure', async () => {
  const { decoder, runs } = setup();
  const abort = new AbortController();
  const outputs = [1, 2, 3].map((bytes) => decoder.decode(sample(bytes), bytes < 3 ? abort.signal : never));
  abort.abort();
  expect(await outputs[0]).toBeUndefined();
  expect(await outputs[1]).toBeUndefined();
  await settle();
  expect(runs.map(({ bytes }) => bytes)).toEqual([1, 3]);
  runs[1]?.resolve(Buffer.alloc(3));
  expect(await outputs[2]).toHaveLength(3);
  expect(decoder.stats).toEqual({ decoded: 1, failed: 0, dropped: 0 });
  expect(await decoder.decode(sample(1), abort.signal)).toBeUndefined();
});

test('closing ends everything, once', async () => {
  const { decoder } = setup();
  const outputs = [1, 2].map((bytes) => decoder.decode(sample(bytes), never));
  await Promise.all([decoder.close(), decoder.close()]);
  expect(await Promise.all(outputs)).toEqual([undefined, undefined]);
  expect(await decoder.decode(sample(1), never)).toBeUndefined();
  expect(decoder.busy).toBe(false);
});
