import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { resetSocket } from '../src/socket/reset-socket.ts';

/** A connection of its own, as its server sees it, and its other side. */
async function openPair(): Promise<{ served: Socket; client: Socket; close(): void }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [served] = (await once(server, 'connection')) as [Socket];
  for (const socket of [served, client]) socket.on('error', () => {});
  return { served, client, close: () => server.close() };
}

test('the other side sees a reset', async () => {
  const { served, client, close } = await openPair();
  const failed = once(client, 'error');
  resetSocket(served);
  expect(await failed).toEqual([expect.objectContaining({ code: 'ECONNRESET' })]);
  close();
});

test('a socket whose end is being sent is closed all the same', async () => {
  const { served, client, close } = await openPair();
  const failures: unknown[] = [];
  served.on('error', (error) => failures.push(error));
  const closed = once(served, 'close');
  client.resume();
  served.end();
  resetSocket(served);
  await closed;
  expect(failures).toEqual([]);
  client.destroy();
  close();
});

test('what a reader does not take does not keep a socket that was ended', async () => {
  const { served, client, close } = await openPair();
  client.pause();
  served.end(Buffer.alloc(32 * 1024 * 1024));
  const closed = once(served, 'close');
  resetSocket(served);
  await closed;
  client.destroy();
  close();
});
