import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type StreampoolProcess, startStreampool } from '@streampool/testkit';
import { answered, type WireServer, wireServer } from './wire-server.ts';

export const TOKEN = 'the-token-of-the-operator';
const CANARY_TEXT = 'canary-in-the-file';

/** An answer as far as it matters: its status, or that the connection was closed without one. */
export interface Outcome {
  readonly status: number | 'closed';
  readonly text: string;
}

/** One server, one provider outside that does its worst, and canaries: a port and a file that nobody may touch. */
export class HostileStage {
  server!: StreampoolProcess;
  provider!: WireServer;
  /** Connections that were made to the canary's port. */
  readonly reached: string[] = [];
  /** Holds the file that must not be read; nothing may be written beside it. */
  readonly directory = mkdtempSync(join(tmpdir(), 'streampool-hostile-'));
  /** What the provider answers, by path. */
  readonly answers = new Map<string, Buffer>();
  readonly #canaries: Server[] = [];
  #canaryPort = 0;
  #streams = 0;

  get file(): string {
    return join(this.directory, 'canary.txt');
  }

  async open(): Promise<void> {
    writeFileSync(this.file, CANARY_TEXT);
    this.#canaryPort = await freePort();
    for (const host of ['127.0.0.1', '::1']) await this.#perch(host);
    this.provider = await wireServer((socket, head) => {
      const target = head.split(' ')[1] ?? '';
      const [, to] = /^\/to\?(.*)$/.exec(target) ?? [];
      if (to !== undefined) socket.end(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nConnection: close\r\n\r\n`);
      else socket.end(this.answers.get(target) ?? answered('no such thing', 'text/plain', '404 Not Found'));
    });
    this.server = await startStreampool({
      env: {
        ...{ API_TOKEN: TOKEN, UPSTREAM_ACCESS: 'public', RATE_LIMIT_FAILURES: '9999/1m', LOG_LEVEL: 'info' },
        ...{ STREAM_TIMEOUT: '3', CONNECT_TIMEOUT: '2500ms', STALL_TIMEOUT: '3', SHARED_STREAM_TIMEOUT: '0' },
        ...{ HEADERS_TIMEOUT: '3', REQUEST_TIMEOUT: '3', MAX_SOURCE_ATTEMPTS: '1' },
        NODE_OPTIONS: `--disable-warning=DEP0111 --import ${new URL('./outside-world.ts', import.meta.url).href}`,
      },
    });
  }

  /** `C`, `P`, `O`, `F` and `D` filled in: the canary, its port, the provider's port, the file, its directory. */
  fill(text: string): string {
    return text
      .replace(
        /(?<=[/@|]|\b(?:http:|tcp:|rtp:)\/\/|^|\[)C(?=[/!\s|#?\]\\"]|$)/gm,
        `127.0.0.1:${this.#canaryPort}`,
      )
      .replace(/(?<=:)P\b/g, String(this.#canaryPort))
      .replace(/(?<=outside\.test:)O\b/g, String(this.provider.port))
      .replace(/(?<=^|[^\w])F(?![\w])|(?<=localhost)F$/gm, this.file)
      .replace(/(?<=[\s"=:])D(?=\/)/g, this.directory);
  }

  /** The URL of the canary under another name of this machine. */
  canaryAt(host: string): string {
    return `http://${host}:${this.#canaryPort}/`;
  }

  /** The URL of the provider. */
  outside(path: string): string {
    return `http://outside.test:${this.provider.port}${path}`;
  }

  call(
    method: string,
    path: string,
    { body, headers = {} }: { body?: string; headers?: Record<string, string> } = {},
  ) {
    return new Promise<Outcome>((resolve) => {
      const sent = request(
        {
          ...{ host: '127.0.0.1', port: this.server.port, method, agent: false },
          ...{ path: path.replace(/[^\x21-\x7e]/g, encodeURIComponent), timeout: 30_000 },
          headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        },
        (response) => {
          let text = '';
          response.setEncoding('latin1');
          response.on('data', (chunk: string) => {
            text += chunk;
            if (text.length > 100_000) response.destroy();
          });
          response.on('error', () => {});
          response.on('close', () => resolve({ status: response.statusCode ?? 'closed', text }));
        },
      );
      sent.on('timeout', () => sent.destroy());
      sent.on('error', () => resolve({ status: 'closed', text: '' }));
      sent.end(body);
    });
  }

  /** As the operator. */
  manage(method: string, path: string, body?: unknown): Promise<Outcome> {
    return this.call(method, path, {
      headers: { 'x-api-token': TOKEN },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  /** Defines a stream and asks for it: the first refusal, or what came of watching. */
  async watch(url: string, kind: 'direct' | 'shared' | 'transcode' = 'direct'): Promise<Outcome> {
    const [path, more] =
      kind === 'transcode'
        ? ['/transcode', { profile: '-i {input_url} -c copy -f mpegts pipe:1' }]
        : ['/streams', {}];
    const created = await this.manage('POST', path, {
      ...{ url, metadata: { case: String(++this.#streams) }, ...more },
      ...(kind === 'shared' && { shared: true }),
    });
    if (created.status !== 200) return created;
    const { stream_id } = JSON.parse(created.text) as { stream_id: string };
    const outcome = await this.call('GET', `/stream/${stream_id}`);
    await this.manage('DELETE', `/streams/${stream_id}`);
    return outcome;
  }

  /** The same by HLS: a playlist that is answered is followed, and the last answer but success counts. */
  async watchHls(url: string): Promise<Outcome> {
    const created = await this.manage('POST', '/streams', { url });
    if (created.status !== 200) return created;
    const { stream_id } = JSON.parse(created.text) as { stream_id: string };
    const base = `/hls/${stream_id}/`;
    let outcome = await this.call('GET', `${base}playlist.m3u8`);
    for (let depth = 0; depth < 3 && outcome.status === 200; depth++) {
      const named = [...outcome.text.matchAll(/^(?!#)(\S+)$|URI="([^"]+)"/gm)].map(
        ([, line, uri]) => line ?? uri ?? '',
      );
      if (named.length === 0) return { status: 404, text: outcome.text };
      const below = await Promise.all(
        [...new Set(named)]
          .slice(0, 5)
          .map((uri) => this.call('GET', uri.startsWith('/') ? uri : base + uri)),
      );
      outcome = below.find(({ status }) => status === 200) ?? below[0]!;
    }
    await this.manage('DELETE', `/streams/${stream_id}`);
    return outcome;
  }

  /** Bytes as they are, and how they were answered. */
  send(bytes: string, waitMs = 20_000): Promise<Outcome> {
    return new Promise((resolve) => {
      const socket = connect(this.server.port, '127.0.0.1');
      let text = '';
      const done = (): void => {
        clearTimeout(timer);
        socket.destroy();
        const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? Number.NaN);
        resolve({ status: Number.isNaN(status) ? 'closed' : status, text });
      };
      const timer = setTimeout(() => {
        text = 'HTTP/1.1 000 still open';
        done();
      }, waitMs);
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('error', () => {});
      socket.on('close', done);
      socket.write(bytes, 'latin1');
    });
  }

  /** What nobody may have touched. */
  damage(): string[] {
    const beside = readdirSync(this.directory).filter((name) => name !== 'canary.txt');
    const isWhole = existsSync(this.file) && readFileSync(this.file, 'utf8') === CANARY_TEXT;
    return [
      ...this.reached,
      ...beside.map((name) => `wrote ${name}`),
      ...(isWhole ? [] : ['the file was changed']),
    ];
  }

  isLeaked(text: string): boolean {
    return text.includes(CANARY_TEXT);
  }

  /** Resident memory in MB, and open descriptors. */
  load(): { rssMb: number; descriptors: number } {
    const { pid } = this.server;
    const [, kb] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return { rssMb: Number(kb) / 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  }

  async close(): Promise<void> {
    await this.server?.stop();
    await this.provider?.close();
    for (const canary of this.#canaries) canary.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #perch(host: string): Promise<void> {
    const canary = createServer((socket) => {
      this.reached.push(`reached the canary at ${host}`);
      socket.destroy();
    });
    this.#canaries.push(canary);
    return new Promise((resolve) => {
      canary.once('error', () => resolve()); // a machine without IPv6
      canary.listen(this.#canaryPort, host, () => resolve());
    });
  }
}
