import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** A raw server: the test writes the bytes of the answer itself, faults included. */
export interface WireServer {
  readonly url: string;
  readonly port: number;
  /** Request heads, in order. */
  readonly requests: string[];
  readonly sockets: Set<Socket>;
  close(): Promise<void>;
}

const open = new Set<WireServer>();
// What a failed test leaves open would keep the process alive.
afterAll(() => Promise.all([...open].map((server) => server.close())));

/** `answer` is called once per connection when the request head is complete. */
export async function wireServer(
  answer: (socket: Socket, head: string, index: number) => void,
  host = '127.0.0.1',
): Promise<WireServer> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    let head = '';
    const onData = (data: Buffer) => {
      head += data.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', onData);
      socket.resume();
      answer(socket, head, requests.push(head) - 1);
    };
    socket.on('data', onData);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const wire: WireServer = {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    requests,
    sockets,
    close: async () => {
      open.delete(wire);
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server.close(), 'close');
    },
  };
  open.add(wire);
  return wire;
}
