import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { FaultyTcpProxy, waitFor } from '@streampool/testkit';

/** Answers each byte by itself. */
let echo: Server;
let proxy: FaultyTcpProxy;
const sockets: Socket[] = [];
beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await FaultyTcpProxy.start({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.close();
  echo.close();
});

/** A client that keeps what it hears. */
function open(): { socket: Socket; heard: () => string; ending: () => string | undefined } {
  const socket = connect(proxy.port, '127.0.0.1');
  let heard = '';
  let ending: string | undefined;
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    ending = error.code;
  });
  socket.on('end', () => {
    ending ??= 'end';
  });
  sockets.push(socket);
  return { socket, heard: () => heard, ending: () => ending };
}

test('passes bytes and ends on, in both directions', async () => {
  const { socket, heard, ending } = open();
  const sent = 'x'.repeat(3_000_000);
  socket.end(sent);
  await waitFor(ending);
  expect([heard() === sent, ending()]).toEqual([true, 'end']);
  await waitFor(() => proxy.connections === 0);
});

test('delays each direction, in order', async () => {
  proxy.delay({ toServerMs: 100, toClientMs: 60 });
  const { socket, heard } = open();
  let began = performance.now();
  socket.write('a');
  setTimeout(() => socket.write('b'), 20);
  await waitFor(() => heard() === 'ab', { everyMs: 2 });
  expect(performance.now() - began).toBeGreaterThan(175);
  proxy.delay();
  // One of many is quick, however busy the machine is.
  for (let tookMs = 1_000; tookMs >= 100; tookMs = performance.now() - began) {
    const had = heard().length;
    began = performance.now();
    socket.write('c');
    await waitFor(() => heard().length > had, { everyMs: 2 });
  }
  expect(heard()).toMatch(/^abc+$/);
});

test('cuts, refuses, and is back on the same port', async () => {
  const first = open();
  first.socket.write('a');
  await waitFor(() => first.heard() === 'a');
  expect(proxy.cut()).toBe(1);
  await waitFor(() => first.ending() === 'ECONNRESET');
  const { port } = proxy;
  await proxy.refuse();
  const second = open();
  await waitFor(() => second.ending() === 'ECONNREFUSED');
  await proxy.resume();
  expect(proxy.port).toBe(port);
  const third = open();
  third.socket.write('c');
  await waitFor(() => third.heard() === 'c');
});

test('a black hole that holds: nothing comes, and all of it comes afterwards, for new connections too', async () => {
  const old = open();
  old.socket.write('a');
  await waitFor(() => old.heard() === 'a');
  proxy.blackHole('hold');
  const young = open();
  await once(young.socket, 'connect');
  for (const { socket } of [old, young]) socket.write('b');
  await waitFor(() => proxy.accepted === 2);
  proxy.delay({ toClientMs: 50 });
  const began = performance.now();
  await expect(
    waitFor(() => old.heard() !== 'a' || young.heard() !== '' || old.ending(), { timeoutMs: 200 }),
  ).rejects.toThrow('not within');
  await proxy.resume();
  await waitFor(() => old.heard() === 'ab' && young.heard() === 'b');
  expect(performance.now() - began).toBeGreaterThan(200);
});

test('a black hole that swallows: connections that lost bytes are reset afterwards', async () => {
  const loser = open();
  const idle = open();
  for (const { socket } of [loser, idle]) socket.write('a');
  await waitFor(() => loser.heard() === 'a' && idle.heard() === 'a');
  proxy.blackHole('swallow');
  loser.socket.write('b');
  await waitFor(() => loser.socket.bytesWritten === 2);
  await expect(waitFor(loser.ending, { timeoutMs: 100 })).rejects.toThrow('not within');
  await proxy.resume();
  await waitFor(() => loser.ending() === 'ECONNRESET');
  idle.socket.write('c');
  await waitFor(() => idle.heard() === 'ac');
});
