import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** A server whose answers are written byte by byte, and which keeps the heads of the requests it got. */
export interface WireServer {
  readonly url: string;
  readonly port: number;
  readonly requests: string[];
  close(): Promise<void>;
}

/** `answer` is called once per connection, when the request's head is there. It listens on 127.0.0.1 unless told otherwise. */
export async function wireServer(
  answer: (socket: Socket, head: string) => void,
  host = '127.0.0.1',
): Promise<WireServer> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    let head = '';
    const read = (data: Buffer): void => {
      head += data.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      socket.resume();
      requests.push(head);
      answer(socket, head);
    };
    socket.on('data', read);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    requests,
    async close() {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server.close(), 'close');
    },
  };
}

/** A whole answer with this body, after which the connection is closed. */
export function answered(
  body: string | Buffer,
  type = 'application/octet-stream',
  status = '200 OK',
): Buffer {
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nConnection: close\r\n\r\n`),
    Buffer.from(body),
  ]);
}
