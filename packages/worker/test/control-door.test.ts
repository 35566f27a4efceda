import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StreampoolError } from '@streampool/errors';
import type { StreamDefinition, WorkerRecord } from '@streampool/state';
import type { ViewerSnapshot } from '@streampool/streaming';
import { pino } from 'pino';
import { ControlDoor, Peers } from '../src/index.ts';

const TOKEN = 'a-token-of-this-test';
const log = pino({ level: 'silent' });

/** A node with viewers `tv` and `radio` of stream `s/1`. */
class Node {
  readonly ended: string[] = [];
  readonly stopped: string[] = [];
  readonly drilled: string[] = [];
  stopping: Promise<number> = Promise.resolve(2);
  readonly server: Server;
  url = '';

  constructor() {
    const here = (['tv', 'radio'] as const).map((clientId) => ({ clientId }) as ViewerSnapshot);
    const door = new ControlDoor({
      log,
      token: TOKEN,
      state: {
        getDefinition: async (streamId) =>
          streamId === 's/1' ? ({ id: 's/1', url: 'http://tv/1' } as StreamDefinition) : undefined,
      },
      engine: {
        disconnect: (clientId, { hasMoved = false } = {}) => {
          this.ended.push(hasMoved ? `${clientId} has moved` : clientId);
          return here.some((viewer) => viewer.clientId === clientId);
        },
        stop: (streamId) => {
          this.stopped.push(streamId);
          return this.stopping;
        },
        failover: async (streamId, { index = 1 } = {}) => {
          if (streamId !== 's/1') throw new StreampoolError('STREAM_NOT_PLAYING', 'it is not played here');
          return { failoverIndex: index, failoverAttempts: 3 };
        },
        drill: async (streamId, { fault, seconds }) => {
          this.drilled.push(`${streamId} ${fault} ${seconds}`);
          const viewers = { gapsMs: [120], dropped: 0 };
          return { switched: true, failoverIndex: 1, told: false, slateMs: 0, viewers };
        },
        measureGaps: () => ({ take: () => ({ gapsMs: [40, 50], dropped: 1 }) }),
        viewers: (streamId) => (streamId === 's/1' ? here : []),
      },
    });
    this.server = createServer((req, res) => {
      if (!door.serve(req, res)) res.writeHead(404).end('{}');
    });
  }
}

let node: Node;
beforeEach(async () => {
  node = new Node();
  await new Promise<void>((resolve) => node.server.listen(0, '127.0.0.1', resolve));
  node.url = `http://127.0.0.1:${(node.server.address() as AddressInfo).port}`;
});
afterEach(() => {
  node.server.closeAllConnections();
  return new Promise((resolve) => node.server.close(resolve));
});

function peers(
  options: { url?: string; token?: string; now?: () => number; timeoutMs?: number } = {},
): Peers {
  const { url = node.url, token = TOKEN, now = () => 0, timeoutMs = 20_000 } = options;
  const listWorkers = async () => [{ id: 'w1', url } as WorkerRecord];
  return new Peers({ self: 'g1', token, log, now, timeoutMs, state: { listWorkers } });
}

test('a viewer is ended, by the stream it watches where one is given', async () => {
  const them = peers();
  expect(await them.disconnect('w1', 'tv')).toBe(true);
  expect(await them.disconnect('w1', 'tv', 's/1')).toBe(true);
  expect(node.ended).toEqual(['tv', 'tv']);
  expect(await them.disconnect('w1', 'tv', 'other')).toBe(false);
  expect(await them.disconnect('w1', 'no/body')).toBe(false);
  expect(node.ended).toEqual(['tv', 'tv', 'no/body']);
  expect(await them.disconnect('w1', 'tv', 's/1', { hasMoved: true })).toBe(true);
  expect(node.ended.at(-1)).toBe('tv has moved');
});

test('a stream is ended, and the answer does not wait for ever until its source is gone', async () => {
  expect(await peers().stop('w1', 's/1')).toBe(2);
  expect(node.stopped).toEqual(['s/1']);
  node.stopping = new Promise(() => {});
  const answer = await fetch(`${node.url}/internal/streams/s%2F1/stop`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  expect([answer.status, await answer.json()]).toEqual([200, { viewers: 2 }]);
});

test('a drill is run, and what viewers here get meanwhile is measured for whoever asks', async () => {
  const them = peers();
  expect(await them.drill('w1', 's/1', { fault: 'stall', seconds: 2.5 })).toEqual({
    ...{ switched: true, failoverIndex: 1, told: false, slateMs: 0 },
    viewers: { gapsMs: [120], dropped: 0 },
  });
  expect(node.drilled).toEqual(['s/1 stall 2.5']);
  const fault = 'flood' as 'stall';
  await expect(them.drill('w1', 's/1', { fault, seconds: 2 })).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
  });
  expect(await them.gaps('w1', 's/1', { wish: 'take', key: 'a' })).toEqual({ gapsMs: [], dropped: 0 });
  expect(await them.gaps('w1', 's/1', { wish: 'start', key: 'a' })).toEqual({});
  expect(await them.gaps('w1', 's/1', { wish: 'take', key: 'b' })).toEqual({ gapsMs: [], dropped: 0 });
  expect(await them.gaps('w1', 's/1', { wish: 'take', key: 'a' })).toEqual({ gapsMs: [40, 50], dropped: 1 });
  expect(await them.gaps('w9', 's/1', { wish: 'start', key: 'a' })).toBeUndefined();
});

test('nobody does anything without the token, or by another method', async () => {
  const ask = async (headers: Record<string, string>, method = 'DELETE'): Promise<number> =>
    (await fetch(`${node.url}/internal/clients/tv`, { method, headers })).status;
  expect(await ask({})).toBe(401);
  expect(await ask({ authorization: 'Bearer wrong' })).toBe(403);
  expect(await ask({ authorization: `Bearer ${TOKEN}` }, 'GET')).toBe(405);
  expect(await peers({ token: 'another-token' }).disconnect('w1', 'tv')).toBeUndefined();
  expect(node.ended).toEqual([]);
  expect((await fetch(`${node.url}/internal/streams/s/relay`)).status).toBe(404);
});

test('a node that does not answer is not waited for again and again', async () => {
  let nowMs = 0;
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let asked = 0;
  server.on('request', () => {
    asked += 1;
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const them = peers({ url, now: () => nowMs, timeoutMs: 300 });
  for (let i = 0; i < 5; i++) expect(await them.stop('w1', 's')).toBeUndefined();
  expect(asked).toBe(1);
  nowMs += 5_000;
  expect(await them.stop('w1', 's')).toBeUndefined();
  expect(asked).toBe(2);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('this node itself, and nodes that nobody knows, are not asked', async () => {
  expect(await peers().disconnect('g1', 'tv')).toBeUndefined();
  expect(await peers().disconnect('w9', 'tv')).toBeUndefined();
  expect(await peers().disconnect('', 'tv')).toBeUndefined();
  expect(node.ended).toEqual([]);
});

test('a node says what a stream that it knows is made of', async () => {
  const them = peers();
  expect(await them.definition('w1', 's/1')).toEqual({ id: 's/1', url: 'http://tv/1' });
  expect(await them.definition('w1', 'another')).toBeUndefined();
  expect(await peers({ token: 'wrong' }).definition('w1', 's/1')).toBeUndefined();
  expect(await them.definition('', 's/1')).toBeUndefined();
});

test('a node changes over to another source, or says why not', async () => {
  const them = peers();
  expect(await them.failover('w1', 's/1')).toEqual({ failoverIndex: 1, failoverAttempts: 3 });
  expect(await them.failover('w1', 's/1', { index: 2 })).toMatchObject({ failoverIndex: 2 });
  await expect(them.failover('w1', 'another')).rejects.toMatchObject({ code: 'STREAM_NOT_PLAYING' });
  await expect(them.failover('w2', 's/1')).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
});
