import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type DrainOptions, drainCommand } from '../src/commands/drain.ts';

interface FakeWorker {
  worker_id: string;
  status: string;
  owned_streams: number;
  viewers: number;
  heartbeat_at: string;
}

let server: Server;
let seen: string[] = [];
let listed: (FakeWorker | undefined)[] = [];
let refusal: { status: number; body: unknown } | undefined;
let url = '';

const worker = (fields: Partial<FakeWorker> = {}): FakeWorker => ({
  ...{ worker_id: 'w1', status: 'draining', owned_streams: 2, viewers: 1, heartbeat_at: '1' },
  ...fields,
});

beforeEach(async () => {
  [seen, listed, refusal] = [[], [], undefined];
  server = createServer((req, res) => {
    seen.push(`${req.method} ${req.url}`);
    res.setHeader('Connection', 'close');
    const isDrain = req.url?.endsWith('/drain');
    if (isDrain && refusal) res.statusCode = refusal.status;
    const next = !isDrain && listed.length > 1 ? listed.shift() : listed[0];
    const status = req.method === 'DELETE' ? 'ready' : 'draining';
    const answer = isDrain ? (refusal?.body ?? worker({ status })) : { workers: next ? [next] : [] };
    res.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

async function drain(options: DrainOptions, signal = new AbortController().signal): Promise<string> {
  let written = '';
  let nowMs = 0;
  await drainCommand(
    'w1',
    { url, ...options },
    {
      output: {
        write: (text) => {
          written += text;
        },
        on: () => {},
      },
      signal,
      now: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
      },
    },
  );
  return written;
}

test('a worker is told to drain, and told that it is wanted again', async () => {
  expect(await drain({})).toBe('w1 is draining: 2 streams, 1 viewers.\n');
  expect(await drain({ cancel: true })).toBe('w1 takes streams again.\n');
  expect(seen).toEqual(['POST /workers/w1/drain', 'DELETE /workers/w1/drain']);
  expect(JSON.parse(await drain({ json: true }))).toMatchObject({ worker_id: 'w1', status: 'draining' });
});

test('an unknown worker is an error with a code', async () => {
  refusal = { status: 404, body: { code: 'WORKER_NOT_FOUND', detail: 'There is no worker of this name' } };
  await expect(drain({})).rejects.toMatchObject({
    code: 'WORKER_NOT_FOUND',
    message: expect.stringContaining('404 WORKER_NOT_FOUND: There is no worker'),
  });
});

test('waiting ends when the worker has gone', async () => {
  listed = [worker(), worker({ owned_streams: 1 }), undefined];
  expect(await drain({ wait: true })).toBe('w1 is draining: 2 streams, 1 viewers.\nw1 has ended.\n');
  expect(seen).toHaveLength(4);
});

test('waiting ends when the worker has said that it has nothing left, not when it last said so before', async () => {
  const empty = { owned_streams: 0, viewers: 0 };
  listed = [worker(empty), worker(empty), worker({ ...empty, heartbeat_at: '2' })];
  expect(JSON.parse(await drain({ wait: '5', json: true }))).toMatchObject({ outcome: 'empty' });
  expect(seen).toHaveLength(4);
});

test('waiting has an end, and says what is left', async () => {
  listed = [worker()];
  await expect(drain({ wait: '3' })).rejects.toMatchObject({
    code: 'DRAIN_TIMEOUT',
    message: 'w1 still has 2 streams and 1 viewers after 3 s.',
  });
});

test('waiting ends when somebody takes the drain back, and with a signal', async () => {
  listed = [worker({ status: 'ready' })];
  await expect(drain({ wait: true })).rejects.toMatchObject({ code: 'DRAIN_CANCELLED' });
  await expect(drain({ wait: true }, AbortSignal.abort())).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await expect(drain({ wait: 'long' })).rejects.toMatchObject({ code: 'USAGE' });
});
