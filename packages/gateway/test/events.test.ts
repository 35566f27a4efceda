import { once } from 'node:events';
import { connect } from 'node:net';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

/** Messages of a body as they come, comments left out. */
class Listening {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = '';

  constructor(response: Response) {
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader();
  }

  /** The next message's fields; undefined at the end. */
  async next(): Promise<Record<string, string> | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        const fields = block.split('\n').flatMap((line) => {
          const [, name, value] = /^(\w+): (.*)$/.exec(line) ?? [];
          return name === undefined ? [] : [[name, value]];
        });
        const message = Object.fromEntries(fields);
        if (message.event !== undefined) return message;
        continue;
      }
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  leave(): Promise<void> {
    return this.#reader.cancel();
  }
}

const failed = (streamId: string) => ({
  type: 'stream_failed' as const,
  streamId,
  data: { reason: 'all sources failed: http://p.example/live/alice/hunter2/1.ts', failoverIndex: 1 },
});

test('what happens is told at once, in the shape that webhooks have', async () => {
  const gateway = await GatewayUnderTest.start();
  const response = await gateway.get('/events');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-cache, no-transform');
  const listening = new Listening(response);
  await gateway.state.publish(failed('s1'));
  const message = await listening.next();
  expect(message).toMatchObject({ id: '1', event: 'stream_failed' });
  expect(JSON.parse(message?.data ?? '')).toEqual({
    event_id: '1',
    event_type: 'stream_failed',
    stream_id: 's1',
    timestamp: expect.stringMatching(/^\d{4}-.+Z$/),
    data: { reason: 'all sources failed: http://p.example/live/***/***/1.ts', failover_index: 1 },
  });
  await listening.leave();
});

test('who comes back goes on where it was, by header or query, and gets only what it asks for', async () => {
  const gateway = await GatewayUnderTest.start();
  for (const stream of ['s1', 's2', 's1']) await gateway.state.publish(failed(stream));
  await gateway.state.publish({ type: 'stream_stopped', streamId: 's1', data: {} });
  const ids = async (
    path: string,
    count: number,
    headers: Record<string, string> = {},
  ): Promise<unknown[]> => {
    const listening = new Listening(await gateway.get(path, { headers }));
    const all: unknown[] = [];
    while (all.length < count) all.push((await listening.next())?.id);
    await listening.leave();
    return all;
  };
  expect(await ids('/events?last_event_id=1', 3)).toEqual(['2', '3', '4']);
  expect(await ids('/events?last_event_id=1', 1, { 'Last-Event-ID': '3' })).toEqual(['4']);
  expect(await ids('/events?last_event_id=0&stream_id=s1', 3)).toEqual(['1', '3', '4']);
  expect(await ids('/events?last_event_id=0&event_types=stream_stopped,client_connected', 1)).toEqual(['4']);
  const lost = new Listening(await gateway.get('/events?last_event_id=999'));
  // Without an id: who is cut off before the rest has come must not go on behind it.
  expect(await lost.next()).toEqual({ event: 'events_lost', data: expect.any(String) });
  expect(await lost.next()).toMatchObject({ id: '1' });
  await lost.leave();
});

test('wishes that make no sense are refused, and so is whoever has no token', async () => {
  const gateway = await GatewayUnderTest.start({ apiToken: 'secret' });
  expect((await gateway.get('/events')).status).toBe(401);
  const wrong = await gateway.get('/events?api_token=secret&event_types=nonsense');
  expect(wrong.status).toBe(422);
  expect((await json(wrong)).detail).toContain('nonsense');
  const headers = { 'Last-Event-ID': 'x y' };
  expect((await gateway.get('/events?api_token=secret', { headers })).status).toBe(422);
  const listening = new Listening(await gateway.get('/events?api_token=secret'));
  await listening.leave();
});

test('a node that closes says so to its listeners, and does not wait for them', async () => {
  const gateway = await GatewayUnderTest.start({ closeTimeoutMs: 60_000 });
  const listening = new Listening(await gateway.get('/events'));
  const startedMs = performance.now();
  const closed = gateway.gateway.close();
  const last = await listening.next();
  expect(last).toMatchObject({ event: 'end' });
  expect(JSON.parse(last?.data ?? '')).toMatchObject({ code: 'SHUTTING_DOWN' });
  expect(await listening.next()).toBeUndefined();
  await closed;
  expect(performance.now() - startedMs).toBeLessThan(30_000);
});

test('a listener that takes nothing costs no more than its budget, and is dropped', async () => {
  const gateway = await GatewayUnderTest.start();
  const { port } = new URL(gateway.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  socket.pause();
  const other = new Listening(await gateway.get('/events'));
  const events = Array.from({ length: 500 }, () => ({
    type: 'stream_failed' as const,
    streamId: 's1',
    data: { text: 'x'.repeat(4_000) },
  }));
  const worker = {
    ...{ id: 'w', host: 'h', pid: 1, url: 'http://x', version: '0', ownedStreams: 0, viewers: 0 },
    ...{ status: 'ready' as const, capacity: 0, load: 0, startedAtMs: 1 },
  };
  const metric = async (name: string): Promise<number> => {
    const text = await (await gateway.get('/metrics')).text();
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  expect(await metric('streampool_event_listeners')).toBe(2);
  let heard = 0;
  for (let n = 0; n < 12; n++) {
    await gateway.state.heartbeat({ worker, streams: [], clients: [], gone: [], events });
    for (let m = 0; m < 500; m++) heard += (await other.next())?.event === 'stream_failed' ? 1 : 0;
  }
  expect(heard).toBe(6_000);
  expect(await metric('streampool_event_listeners_dropped_total')).toBeLessThanOrEqual(1);
  socket.resume();
  let text = '';
  socket.on('data', (chunk) => {
    text = (text + chunk).slice(-2_000);
  });
  await once(socket, 'close');
  expect(text).toContain('"code":"EVENTS_TOO_SLOW"');
  expect(await metric('streampool_event_listeners_dropped_total')).toBe(1);
  await other.leave();
});
