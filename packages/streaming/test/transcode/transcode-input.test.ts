import { readFileSync } from 'node:fs';
import { StreampoolError } from '@streampool/errors';
import { makeSample } from '@streampool/testkit';
import type { BodySink, UpstreamClient, UpstreamResponse } from '@streampool/upstream';
import { DEFAULT_CHAIN_POLICY } from '../../src/chain-options.ts';
import { SourceList } from '../../src/choice/source-list.ts';
import { DeliveryClock } from '../../src/delivery-clock.ts';
import { TranscodeInput } from '../../src/transcode/transcode-input.ts';
import { ManualClock, settle } from '../manual-clock.ts';

let media: Buffer;

beforeAll(async () => {
  media = readFileSync((await makeSample({ seconds: 6, gopSeconds: 1 })).path);
});

const FILM = Buffer.alloc(3_000, 0x11);

/** An input whose provider answers with what `answers` holds, by URL. */
function setup(answers: Record<string, () => Buffer>, policy = {}) {
  const clock = new ManualClock();
  const open = new Map<string, BodySink>();
  let most = 0;
  const client: UpstreamClient = {
    open: async ({ url }) => {
      let closed = (): void => {};
      const answer = answers[url];
      if (!answer) throw new StreampoolError('UPSTREAM_CONNECT_FAILED', `nothing at ${url}`);
      const response: UpstreamResponse = {
        ...{ status: 200, url, headers: {}, contentLength: undefined, bytesReceived: 0 },
        start: (sink) => {
          open.set(url, sink);
          most = Math.max(most, open.size);
          queueMicrotask(() => sink.data(answer(), () => undefined as never));
        },
        pause: () => {},
        resume: () => {},
        // A socket takes a while to be gone.
        close: () => {
          void settle().then(() => {
            open.delete(url);
            closed();
          });
        },
        closed: new Promise((resolve) => {
          closed = resolve;
        }),
      };
      return response;
    },
  };
  const door = {
    stats: { requests: 0, openConnections: 0, bytes: 0 },
    fail: (_: StreampoolError) => {},
    openings: 0,
  };
  const input = new TranscodeInput({
    sources: new SourceList(Object.keys(answers).map((url) => ({ url, headers: {} }))),
    alternatives: Object.keys(answers).length,
    client,
    timeouts: { connectMs: 1_000, firstByteMs: 1_000 },
    policy: { ...DEFAULT_CHAIN_POLICY, maxAttempts: 1, ...policy },
    ring: { budgetBytes: 4 * 1024 * 1024, retainMs: 5_000 },
    paceMs: 0,
    door: {
      open: (_target, handlers = {}) => {
        door.openings += 1;
        door.fail = (error) => handlers.onError?.(error);
        return {
          url: 'http://door/film',
          stats: door.stats,
          close: async () => {
            door.openings -= 1;
          },
        };
      },
      openSocket: () => {
        door.openings += 1;
        return {
          url: 'http://door/stream.ts',
          close: async () => {
            door.openings -= 1;
          },
        };
      },
    },
    clock,
    delivery: new DeliveryClock({ intervalMs: 20 }),
    events: { lost: () => {}, noted: () => {}, recovered: () => {} },
  });
  return { input, clock, door, open, most: () => most };
}

const missing = () => new StreampoolError('UPSTREAM_STATUS', 'The provider answered 404');

test('a failure at the door explains an end only as long as nothing was read after it', async () => {
  const { input, door } = setup({ film: () => FILM });
  const prepared = await input.prepare(0);
  expect(prepared).toMatchObject({ url: 'http://door/film', kind: 'other' });
  expect(prepared.isComplete()).toBe(true);
  door.stats.bytes = 10_000;
  door.fail(missing());
  expect(prepared.failure()).toMatchObject({ code: 'UPSTREAM_STATUS' });
  expect(prepared.isComplete()).toBe(false);
  door.stats.bytes = 20_000;
  expect(prepared.failure()).toBeUndefined();
  expect(prepared.isComplete()).toBe(true);
  expect(input.lastError).toBe('The provider answered 404');
  await prepared.close();
  await input.close();
  expect(door.openings).toBe(0);
});

test('an input that is over is gone, and blamed for nothing, when the next one is opened', async () => {
  const { input, open, most, clock } = setup({ live: () => media, film: () => FILM });
  const first = await input.prepare(0);
  expect(first.kind).toBe('mpegts');
  expect(input.starved).toBe(false);
  open.get('live')?.end(new StreampoolError('STREAM_FAILED', 'cut'));
  expect(first.failure()).toMatchObject({ code: 'STREAM_FAILED' });
  const [second] = await Promise.all([input.prepare(1), clock.advance(100)]);
  expect(second.kind).toBe('other');
  expect({ index: input.index, starved: input.starved, lastError: input.lastError }).toEqual({
    index: 1,
    starved: false,
    lastError: 'cut',
  });
  expect(most()).toBe(1);
  await second.close();
  await input.close();
  expect(clock.pending).toBe(0);
});

test('a second FFmpeg reads what runs, whatever URL it is meant to begin with', async () => {
  const { input, open } = setup({ live: () => media, backup: () => media });
  await input.prepare(0);
  const again = await input.prepare(1);
  expect(again.kind).toBe('mpegts');
  expect([...open.keys()]).toEqual(['live']);
  expect(input.index).toBe(0);
  await input.close();
  await settle();
  expect(open.size).toBe(0);
});

test('what cannot be opened is said, and leaves nothing behind', async () => {
  const { input, clock, door } = setup({
    live: () => Buffer.from('<html><body>buy a plan</body></html>'.repeat(100)),
  });
  await expect(input.prepare(0)).rejects.toMatchObject({ code: 'UPSTREAM_NOT_MEDIA' });
  expect(input.lastError).toEqual(expect.any(String));
  await input.close();
  expect(clock.pending).toBe(0);
  expect(door.openings).toBe(0);
});
