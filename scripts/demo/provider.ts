import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TestPicture } from './test-picture.ts';

/** The most a viewer that does not read may make the demo keep, in bytes. */
const BACKLOG_BYTES = 8 * 1024 * 1024;

/** A provider on this machine with one live channel: `/live/demo.ts`. */
export class DemoProvider {
  readonly #picture = new TestPicture();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      if (!request.url?.startsWith('/live/demo.ts')) {
        response.writeHead(404).end();
        return;
      }
      response.writeHead(200, { 'content-type': 'video/mp2t', connection: 'close' });
      const stop = this.#picture.listen((chunk) => {
        if (response.writableLength < BACKLOG_BYTES) response.write(chunk);
      });
      response.on('close', stop);
    });
  }

  /** Resolves with the channel's URL. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/live/demo.ts`;
  }

  close(): void {
    this.#picture.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
