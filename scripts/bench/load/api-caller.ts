import { Agent, request } from 'node:http';
import { gunzipSync } from 'node:zlib';

/** One request of the API. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Whether the answer may come compressed. */
  readonly packed?: boolean;
}

export interface Called {
  readonly status: number;
  /** As sent. */
  readonly bytes: number;
  readonly ms: number;
  /** Unpacked and parsed where it is asked for. */
  json<T>(): T;
}

export interface CallerResult {
  readonly requests: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Of one answer, on average. */
  readonly bytes: number;
}

/** A client with so many connections that stay open, each with one request at a time. */
export class ApiCaller {
  readonly #base: URL;
  readonly #agent: Agent;
  readonly #connections: number;

  constructor(url: string, connections: number) {
    this.#base = new URL(url);
    this.#connections = connections;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Resolves when the answer is complete. */
  call({ method, path, body, packed = false }: Call): Promise<Called> {
    const sent = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const begunMs = performance.now();
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          ...{ agent: this.#agent, host: this.#base.hostname, port: this.#base.port, method, path },
          headers: {
            ...(sent && { 'content-type': 'application/json', 'content-length': sent.length }),
            ...(packed && { 'accept-encoding': 'gzip' }),
          },
          timeout: 30_000,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const ms = performance.now() - begunMs;
            const raw = Buffer.concat(chunks);
            const isPacked = response.headers['content-encoding'] === 'gzip';
            resolve({
              ...{ status: response.statusCode ?? 0, bytes: raw.length, ms },
              json: () => JSON.parse(`${isPacked ? gunzipSync(raw) : raw}`),
            });
          });
        },
      );
      asked.on('timeout', () => asked.destroy(new Error(`${method} ${path} was not answered within 30 s`)));
      asked.on('error', reject);
      asked.end(sent);
    });
  }

  /** Asks on all connections until there is nothing left to ask, or the time is over. */
  async run(next: () => Call | undefined, seconds: number): Promise<CallerResult> {
    const begunMs = performance.now();
    const endMs = begunMs + seconds * 1000;
    const times: number[] = [];
    let [failed, bytes] = [0, 0];
    const worker = async (): Promise<void> => {
      while (performance.now() < endMs) {
        const call = next();
        if (!call) return;
        const answer = await this.call(call);
        times.push(answer.ms);
        bytes += answer.bytes;
        if (answer.status >= 400) failed += 1;
      }
    };
    await Promise.all(Array.from({ length: this.#connections }, worker));
    const took = (performance.now() - begunMs) / 1000;
    times.sort((a, b) => a - b);
    const at = (share: number): number =>
      times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
    return {
      ...{ requests: times.length, failed, perSecond: times.length / took },
      ...{ p50: at(0.5), p99: at(0.99), max: at(1), bytes: times.length === 0 ? 0 : bytes / times.length },
    };
  }

  close(): void {
    this.#agent.destroy();
  }
}
