import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { BLOCK_BYTES, Ring } from '../src/ring.ts';
import { SocketViewer } from '../src/socket-viewer.ts';

const PACKET = 188;
const TABLES = Buffer.alloc(2 * PACKET, 0xee);

let server: Server;
const sockets: Socket[] = [];

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

async function pair(): Promise<{ serverSide: Socket; player: Socket }> {
  const { port } = server.address() as { port: number };
  const player = connect(port, '127.0.0.1');
  const [serverSide] = (await once(server, 'connection')) as [Socket];
  sockets.push(serverSide, player);
  return { serverSide, player };
}

function setup(serverSide: Socket, { budgetBlocks = 64, clientTimeoutMs = 1_000 } = {}) {
  let now = 0;
  const ring = new Ring({ budgetBytes: budgetBlocks * BLOCK_BYTES, retainMs: 60_000 });
  const log: string[] = [];
  const viewer = new SocketViewer({
    ring,
    socket: serverSide,
    clientTimeoutMs,
    program: () => undefined,
    now: () => now,
    onSkip: () => log.push('skip'),
    onLeave: (reason) => log.push(reason),
  });
  return {
    ring,
    viewer,
    log,
    at(ms: number) {
      now = ms;
      viewer.deliver(ms);
    },
    append(packets: number, fill: number, keyframe = false) {
      const offset = ring.head;
      ring.append(Buffer.alloc(packets * PACKET, fill), now);
      if (keyframe) ring.addAccessPoint({ offset, tables: TABLES });
    },
  };
}

function collect(player: Socket) {
  const parts: Buffer[] = [];
  player.on('data', (part) => parts.push(part));
  return {
    async bytes(count: number): Promise<Buffer> {
      const deadline = Date.now() + 30_000;
      while (parts.reduce((sum, part) => sum + part.length, 0) < count) {
        if (Date.now() > deadline) throw new Error(`only ${Buffer.concat(parts).length} of ${count} bytes`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return Buffer.concat(parts);
    },
  };
}

test('a viewer starts with the tables and the newest access point, and misses nothing after', async () => {
  const { serverSide, player } = await pair();
  const received = collect(player);
  const { at, append, viewer } = setup(serverSide);
  at(0);
  append(50, 1, true);
  append(50, 2, true);
  append(10, 3);
  at(100);
  append(2_000, 4);
  at(200);
  const bytes = await received.bytes((2 + 60 + 2_000) * PACKET);
  expect(
    bytes.equals(
      Buffer.concat([
        TABLES,
        Buffer.alloc(50 * PACKET, 2),
        Buffer.alloc(10 * PACKET, 3),
        Buffer.alloc(2_000 * PACKET, 4),
      ]),
    ),
  ).toBe(true);
  expect(viewer.bytes).toBe(bytes.length);
  expect(viewer.lagBytes).toBe(0);
});

test('a viewer that takes nothing is dropped after the timeout, not before, and lets go of its memory', async () => {
  const { serverSide, player } = await pair();
  player.pause();
  const { ring, at, append, log, viewer } = setup(serverSide, { budgetBlocks: 4, clientTimeoutMs: 1_000 });
  append(100, 1, true);
  let ms = 0;
  while (serverSide.writableLength === 0) {
    append(1_000, 1, true);
    ms += 10;
    at(ms);
    if (ms > 10_000) throw new Error('the kernel takes everything');
  }
  const stuckSince = ms;
  append(20_000, 2, true);
  at(stuckSince + 900);
  expect(log).toEqual([]);
  expect(ring.stragglingBytes).toBe(BLOCK_BYTES);
  at(stuckSince + 1_200);
  expect(log).toEqual(['stuck']);
  expect(ring.stragglingBytes).toBe(0);
  expect(viewer.closed).toBe(true);
  expect(serverSide.destroyed).toBe(true);
});

test('a viewer that falls out of the ring goes on at a keyframe, on a packet boundary', async () => {
  const { serverSide, player } = await pair();
  const received = collect(player);
  const { at, append, log, viewer, ring } = setup(serverSide, { budgetBlocks: 3 });
  append(10, 1, true);
  at(0);
  append(5_000, 2);
  append(10, 3, true);
  append(10, 4);
  expect(viewer.lagBytes).toBeGreaterThan(ring.head - ring.tail);
  at(100);
  const bytes = await received.bytes((2 + 10 + 2 + 20) * PACKET);
  expect(log).toEqual(['skip']);
  expect(viewer.skips).toBe(1);
  expect(
    bytes
      .subarray(12 * PACKET)
      .equals(Buffer.concat([TABLES, Buffer.alloc(10 * PACKET, 3), Buffer.alloc(10 * PACKET, 4)])),
  ).toBe(true);
});

test('leaving is noticed, ending is proper, both only once', async () => {
  const first = await pair();
  const leaving = setup(first.serverSide);
  first.player.destroy();
  await once(first.serverSide, 'close');
  expect(leaving.log).toEqual(['left']);

  const second = await pair();
  const ending = setup(second.serverSide);
  ending.append(10, 1, true);
  ending.at(0);
  ending.viewer.end();
  ending.viewer.end();
  const received = collect(second.player);
  await once(second.player, 'end');
  expect((await received.bytes(12 * PACKET)).length).toBe(12 * PACKET);
  expect(ending.log).toEqual([]);
});

test('what an ended viewer still has to take is not overwritten by the ring', async () => {
  const { serverSide, player } = await pair();
  player.pause();
  const { ring, at, append, viewer } = setup(serverSide, { budgetBlocks: 4, clientTimeoutMs: 60_000 });
  let ms = 0;
  while (serverSide.writableLength === 0) {
    append(1_000, 1, true);
    ms += 10;
    at(ms);
    if (ms > 10_000) throw new Error('the kernel takes everything');
  }
  viewer.end();
  append(20_000, 2, true);
  expect(ring.stragglingBytes).toBe(BLOCK_BYTES);
  const received = collect(player);
  player.resume();
  await once(player, 'end');
  const bytes = await received.bytes(viewer.bytes);
  expect(bytes.length).toBe(viewer.bytes);
  expect(bytes.subarray(TABLES.length).every((byte) => byte === 1 || byte === 0xee)).toBe(true);
  player.end();
  await once(serverSide, 'close');
  expect(ring.stragglingBytes).toBe(0);
});
