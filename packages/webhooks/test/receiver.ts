import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any shape
  readonly json: any;
}

/** An HTTP server that keeps what it is sent, and answers what the test wants. */
export class TestReceiver {
  readonly received: Received[] = [];
  /** Undefined: never answers. */
  answer: (request: Received) => number | undefined = () => 200;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk) => {
        body += chunk;
      });
      req.on('end', () => {
        const request = { path: req.url ?? '', headers: req.headers, body, json: JSON.parse(body) };
        this.received.push(request);
        const status = this.answer(request);
        if (status !== undefined) res.writeHead(status).end();
      });
    });
  }

  static async start(): Promise<TestReceiver> {
    const it = new TestReceiver();
    await new Promise<void>((resolve) => it.#server.listen(0, '127.0.0.1', resolve));
    return it;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async until(condition: (received: readonly Received[]) => boolean, timeoutMs = 40_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition(this.received)) {
      if (Date.now() > deadline) throw new Error(`it did not come to pass: ${this.received.length} received`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
