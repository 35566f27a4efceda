import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WorkerRecord } from '@streampool/state';
import { pino } from 'pino';
import { SlotDoor, SlotPeers } from '../src/index.ts';
import type { GiveWay } from '../src/slots/slot-door.ts';

const log = pino({ level: 'silent' });
const token = 'the-secret-of-the-cluster';

let server: Server;
let url: string;
let orders: GiveWay[];
let isSilent: boolean;

beforeEach(async () => {
  orders = [];
  isSilent = false;
  const door = new SlotDoor({
    ...{ log, token },
    slots: {
      sight: (streamIds) => ({ node: 'w1', leases: ['w1/a/1'], audiences: { [streamIds[1]!]: [] } }),
      giveWay: async (order) => {
        orders.push(order);
        return order.way !== 'idle';
      },
    },
  });
  server = createServer((req, res) => {
    if (!isSilent && !door.serve(req, res)) res.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close').catch(() => {});
});

function peers(nodes: Partial<WorkerRecord>[], secret = token, lookMs = 20_000): SlotPeers {
  const listWorkers = async () => [{ id: 'self', url: 'http://127.0.0.1:1' }, ...nodes] as WorkerRecord[];
  return new SlotPeers({ state: { listWorkers }, self: 'self', token: secret, log, lookMs });
}

test('a node says what it has and who watches, to whoever has the token', async () => {
  const seen = await peers([{ id: 'w1', url }]).look(['a', 'b c']);
  expect(seen).toEqual({
    nodes: [{ node: 'w1', leases: ['w1/a/1'], audiences: { 'b c': [] } }],
    gone: new Set(),
    isPartial: false,
  });
  expect(await peers([{ id: 'w1', url }], 'another').look([])).toMatchObject({ nodes: [], isPartial: true });
  expect((await fetch(`${url}/internal/slots`)).status).toBe(401);
  expect((await fetch(`${url}/internal/slots/yield`, { method: 'POST' })).status).toBe(401);
  expect((await fetch(`${url}/internal/other`)).status).toBe(404);
});

test('nobody listens: gone; no answer: not known', async () => {
  const refused = createServer();
  refused.listen(0, '127.0.0.1');
  await once(refused, 'listening');
  const { port } = refused.address() as AddressInfo;
  refused.close();
  await once(refused, 'close');
  isSilent = true;
  const nodes = [
    { id: 'w1', url },
    { id: 'dead', url: `http://127.0.0.1:${port}` },
  ];
  expect(await peers(nodes, token, 1_000).look([])).toEqual({
    nodes: [],
    gone: new Set(['dead']),
    isPartial: true,
  });
});

test('an order to give way says why, and is answered when it is done', async () => {
  const order = {
    streamId: 'a',
    lease: 'w1/a/1',
    way: 'zap' as const,
    reason: 'its viewer asked for another',
  };
  const to = peers([{ id: 'w1', url }]);
  expect(await to.giveWay('w1', order, 20_000.5)).toBe(true);
  expect(await to.giveWay('w1', { ...order, way: 'idle' }, 20_000)).toBe(false);
  expect(await to.giveWay('unknown', order, 20_000)).toBe(false);
  expect(orders).toEqual([order, { ...order, way: 'idle' }]);
});
