import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { sendBody } from '../../src/index.ts';

/** One request, whose client reads when the test says so. */
async function asked() {
  const server = createServer({ keepAliveTimeout: 60_000 }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  client.pause();
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [, res] = (await once(server, 'request')) as [unknown, ServerResponse];
  const close = async (): Promise<void> => {
    client.destroy();
    server.closeAllConnections();
    await once(server.close(), 'close');
  };
  return { client, res, close };
}

const LARGE = Buffer.alloc(32 * 1024 * 1024);

async function* inPieces(): AsyncGenerator<Buffer> {
  yield LARGE;
}

test.each([
  ['at once', LARGE],
  ['in pieces', { length: LARGE.length, open: inPieces }],
])('a player that takes nothing of what is sent %s is not waited for', async (_, body) => {
  const { client, res, close } = await asked();
  expect(await sendBody(res, body, { stuckMs: 200 })).toBe(false);
  expect(res.destroyed).toBe(true);
  expect(client.bytesRead).toBeLessThan(LARGE.length);
  await close();
});

test('it is all written when the player has taken it, and the connection is kept', async () => {
  const { client, res, close } = await asked();
  let isOver = false;
  const sending = sendBody(res, LARGE, { stuckMs: 60_000 }).then((isSent) => {
    isOver = true;
    return isSent;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  client.resume();
  expect(await sending).toBe(true);
  expect(client.destroyed).toBe(false);
  await close();
});

test('a small body is written at once', async () => {
  const { res, close } = await asked();
  const sent: number[] = [];
  expect(
    await sendBody(res, Buffer.from('#EXTM3U'), { stuckMs: 1, onSent: (bytes) => sent.push(bytes) }),
  ).toBe(true);
  expect(sent).toEqual([7]);
  await close();
});
