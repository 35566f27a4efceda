import type { HlsOrigin } from '@streampool/hls';
import type { Placement, StreamSpec } from '@streampool/streaming';
import { pino } from 'pino';
import { DEFAULT_EDGE_SETTINGS, HlsEdge, type HlsStream } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';

const spec = { id: 'one', kind: 'shared' } as StreamSpec;
const stream: HlsStream = { source: 'playlist', spec };
const request = { path: 'playlist.m3u8', query: new URLSearchParams() };
const { signal } = new AbortController();

/** An edge whose owners are found out when the test says so, and that opens nothing without being counted. */
function stage() {
  const found = Promise.withResolvers<Placement>();
  let opened = 0;
  const edge = new HlsEdge({
    engine: { adopt: () => () => {} },
    open: () => {
      opened += 1;
      const closed = Promise.withResolvers<void>();
      const origin: HlsOrigin = {
        closed: closed.promise,
        answer: async () => ({
          ...{ status: 200, kind: 'playlist', contentType: 'text/plain', maxAgeMs: 0 },
          body: Buffer.from('#EXTM3U'),
        }),
        close: async () => closed.resolve(),
      };
      return { origin };
    },
    settings: DEFAULT_EDGE_SETTINGS,
    clock: new ManualClock(),
    log: pino({ level: 'silent' }),
    cluster: { ownership: { acquire: () => found.promise }, node: 'a', token: 'token' },
  });
  return { edge, find: () => found.resolve({ here: true, epoch: 1 }), opened: () => opened };
}

test('a stream that is stopped while its owner is being found out is not opened for anybody', async () => {
  const { edge, find, opened } = stage();
  const asked = [
    edge.answer(stream, request, signal),
    edge.answerNode(stream, request, { node: 'b', signal }),
  ];
  const stopping = edge.stop('one', 'stopped');
  find();
  const outcomes = await Promise.allSettled(asked);
  const stopped = { status: 'rejected', reason: expect.objectContaining({ code: 'STREAM_STOPPED' }) };
  expect(outcomes).toEqual([stopped, stopped]);
  await stopping;
  expect(opened()).toBe(0);
  await edge.close();
});

test('an edge that is closed opens nothing any more', async () => {
  const { edge, find, opened } = stage();
  find();
  await edge.close();
  for (const asked of [
    edge.answer(stream, request, signal),
    edge.answerNode(stream, request, { node: 'b', signal }),
  ])
    await expect(asked).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  expect(opened()).toBe(0);
});
