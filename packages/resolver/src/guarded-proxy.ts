import { randomBytes } from 'node:crypto';
import type { lookup } from 'node:dns';
import { type AddressGuard, guardedLookup } from '@streampool/upstream';
import type { Server } from 'proxy-chain';

/**
 * The way out of the programs: a proxy (RFC 9110 §9.3.6) on loopback that connects to what the guard allows, judged by the
 * address that is connected to, so that no page can send a program to a private one.
 */
export class GuardedProxy {
  readonly url: string;
  readonly #server: Server;
  readonly #guard: AddressGuard;

  private constructor(server: Server, guard: AddressGuard, password: string) {
    this.#server = server;
    this.#guard = guard;
    this.url = `http://streampool:${password}@127.0.0.1:${server.port}`;
    guard.refuseOwnPort(server.port);
  }

  static async listen(guard: AddressGuard): Promise<GuardedProxy> {
    // Few servers ever look at a page; the others need not load it.
    const { RequestError, Server } = await import('proxy-chain');
    const secret = randomBytes(24).toString('base64url');
    const server = new Server({
      host: '127.0.0.1',
      port: 0,
      prepareRequestFunction({ password, hostname, port }) {
        if (password !== secret) return { requestAuthentication: true };
        const refusal = guard.refusalOfHost(hostname.replace(/^\[|\]$/g, ''), port);
        if (refusal) throw new RequestError(refusal.message, 403);
        return { dnsLookup: guardedLookup(guard, port) as typeof lookup };
      },
    });
    await server.listen();
    return new GuardedProxy(server, guard, secret);
  }

  async close(): Promise<void> {
    this.#guard.allowOwnPort(this.#server.port);
    await this.#server.close(true);
  }
}
