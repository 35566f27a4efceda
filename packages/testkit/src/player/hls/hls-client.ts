import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { gunzipSync } from 'node:zlib';

export interface Fetched {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** After redirects: what relative URIs are relative to. */
  readonly url: string;
}

const MOST_REDIRECTS = 5;

/** Requests of one HLS player: connections that are kept, redirects, gzip. */
export class HlsClient {
  /** Connections that were opened. */
  connections = 0;
  requests = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 6 });
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;

  constructor(headers: Readonly<Record<string, string>> = {}, timeoutMs = 20_000) {
    this.#headers = headers;
    this.#timeoutMs = timeoutMs;
  }

  /** Resolves with whatever status there is; status 0 for a connection that failed or took too long. */
  async get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Fetched> {
    let at = url;
    for (let hops = 0; ; hops++) {
      const answer = await this.#once(at, headers);
      const { location } = answer.headers;
      if (answer.status < 300 || answer.status >= 400 || !location || hops === MOST_REDIRECTS) return answer;
      at = new URL(location, at).href;
    }
  }

  #once(url: string, headers: Readonly<Record<string, string>>): Promise<Fetched> {
    this.requests += 1;
    return new Promise((resolve) => {
      const failed = (why: unknown): void =>
        resolve({ status: 0, headers: {}, body: Buffer.from(String(why)), url });
      const call = request(url, {
        agent: this.#agent,
        headers: { 'user-agent': 'testkit-hls', ...this.#headers, ...headers },
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      call.on('socket', (socket) => {
        if (!call.reusedSocket && socket.connecting) this.connections += 1;
      });
      call.on('error', failed);
      call.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', failed);
        response.on('end', () => {
          const sent = Buffer.concat(chunks);
          const zipped = response.headers['content-encoding'] === 'gzip';
          const body = zipped ? gunzipSync(sent) : sent;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body, url });
        });
      });
      call.end();
    });
  }

  /** Idempotent. */
  close(): void {
    this.#agent.destroy();
  }
}
