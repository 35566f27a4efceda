import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { OwnerClient } from '../../src/owner/owner-client.ts';
import { ManualClock } from '../manual-clock.ts';

test('what is handed on over a kept connection that its other side closes comes there all the same', async () => {
  const given: { readonly socket: Socket; readonly body: string }[] = [];
  const server = createServer(async (req, res) => {
    // A connection that was kept is closed in the moment in which it is used again.
    if (given.some(({ socket }) => socket === req.socket)) {
      req.socket.resetAndDestroy();
      return;
    }
    const parts: Buffer[] = [];
    for await (const part of req) parts.push(part as Buffer);
    given.push({ socket: req.socket, body: Buffer.concat(parts).toString() });
    res.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const limits = { connectMs: 1_000, stallMs: 1_000, answerMs: 1_000 };
  const client = new OwnerClient({ node: 'edge', token: 'secret', clock: new ManualClock(), ...limits });
  try {
    const give = (body: string): Promise<boolean> =>
      client.give(
        {
          place: { here: false, url, owner: 'b', epoch: 2 },
          ...{ streamId: 'one', request: { path: 'segment/1.ts', query: new URLSearchParams() } },
          signal: AbortSignal.timeout(5_000),
        },
        { status: 200, kind: 'media', contentType: 'video/mp2t', maxAgeMs: 1_000, body: Buffer.from(body) },
      );
    expect(await give('one')).toBe(true);
    expect(await give('two')).toBe(true);
    expect(given.map(({ body }) => body)).toEqual(['one', 'two']);
  } finally {
    client.close();
    server.closeAllConnections();
    server.close();
  }
});
