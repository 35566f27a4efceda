import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { StreampoolError } from '@streampool/errors';
import type { HlsAnswer, HlsOrigin, HlsRequest, HlsResume } from '@streampool/hls';
import {
  DEFAULT_EDGE_SETTINGS,
  type EdgeSettings,
  HlsEdge,
  type HlsStream,
  type Served,
} from '@streampool/hls-edge';
import type { StreamDefinition } from '@streampool/state';
import type { Deposed, Ownership, Placement, StreamSpec } from '@streampool/streaming';
import { pino } from 'pino';
import { HlsRelayDoor } from '../src/index.ts';

const TOKEN = 'a-secret-of-these-nodes';
export const STREAM_ID = '0123456789abcdef0123456789abcdef';
const SPEC: StreamSpec = {
  id: STREAM_ID,
  kind: 'shared',
  target: { url: 'http://provider.example/live.m3u8', headers: {}, userAgent: 'test' },
  failoverUrls: [],
  contentType: 'application/vnd.apple.mpegurl',
};
export const STREAM: HlsStream = { source: 'playlist', spec: SPEC };
/** The same out of a pool: what a former owner had made can be had nowhere else. */
export const POOL: HlsStream = { source: 'pool', spec: SPEC };
const log = pino({ level: 'silent' });

/** Who owns the one stream, as the state would know it. */
export class OwnerTable {
  owner = '';
  epoch = 0;
  /** Where nodes are, by name. */
  readonly urls = new Map<string, string>();
  isAway = false;
  /** The state is away, and everybody goes by what was: who is asked plays, without an epoch. */
  isRemembered = false;

  /** As a node sees it that claims what is free; a gateway chooses the first worker that is not the deposed one. */
  of(node: string, { mayOwn }: { mayOwn: boolean }): Ownership {
    return {
      acquire: async (_streamId: string, { deposes }: { deposes?: Deposed }): Promise<Placement> => {
        if (this.isAway) throw new StreampoolError('STATE_UNAVAILABLE', 'the state is away');
        if (this.isRemembered && mayOwn) return { here: true, epoch: 0 };
        const isDeposed = deposes?.epoch === this.epoch;
        const isFree = this.owner === '' || isDeposed;
        if (mayOwn && (isFree || this.owner === node)) {
          if (this.owner !== node) this.epoch += 1;
          this.owner = node;
          return { here: true, epoch: this.epoch };
        }
        const former = this.owner;
        const chosen = isFree ? [...this.urls.keys()].find((name) => name !== former) : former;
        if (chosen === undefined) throw new StreampoolError('CAPACITY_EXHAUSTED', 'nobody is left');
        return {
          ...{ here: false, url: this.urls.get(chosen)!, owner: chosen, epoch: this.epoch },
          ...(isDeposed && { deposes: this.epoch }),
        };
      },
    };
  }
}

/** An origin in the test's hands: segments are named by their maker, so that one shows whose a segment is. */
export class TestOrigin implements HlsOrigin {
  readonly closed: Promise<void>;
  readonly asked: HlsRequest[] = [];
  readonly resumedAt: HlsResume | undefined;
  first: number;
  last: number;
  /** The first segment begins with a discontinuity. */
  readonly #isMarked: boolean;
  readonly #maker: string;
  readonly #discontinuities: number;
  #settle: () => void = () => {};
  /** Awaited before anything is answered. */
  gate: Promise<void> = Promise.resolve();
  /** Awaited in the middle of a provider's segment. */
  secondHalf: Promise<void> = Promise.resolve();

  constructor(maker: string, resume: HlsResume | undefined) {
    this.#maker = maker;
    this.resumedAt = resume;
    this.#isMarked = resume !== undefined;
    this.first = resume ? resume.mediaSequence + 1 : 10;
    this.last = resume ? this.first : 13;
    this.#discontinuities = resume?.discontinuitySequence ?? 0;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  async answer(request: HlsRequest, signal: AbortSignal): Promise<HlsAnswer> {
    this.asked.push(request);
    await this.gate;
    if (signal.aborted) throw new StreampoolError('STREAM_STOPPED', 'nobody waits');
    if (request.path === 'playlist.m3u8') return this.#playlist();
    // The same wherever it comes from, as a provider's segments are.
    if (request.path === 'segment/provider.ts') return this.#growing();
    const [, maker, number] = /^segment\/([a-z\d]+)-(\d+)\.ts$/.exec(request.path) ?? [];
    const isThere = maker === this.#maker && Number(number) >= this.first && Number(number) <= this.last;
    if (!isThere) throw new StreampoolError('NOT_FOUND', 'there is no such segment');
    return {
      ...{ status: 200, kind: 'media', contentType: 'video/mp2t', maxAgeMs: 60_000 },
      body: Buffer.from(`${maker} ${number}`),
    };
  }

  async close(): Promise<void> {
    this.#settle();
  }

  #growing(): HlsAnswer {
    const second = this.secondHalf;
    return {
      ...{ status: 200, kind: 'media', contentType: 'video/mp2t', maxAgeMs: 60_000 },
      body: {
        length: 20,
        async *open() {
          yield Buffer.from('0123456789');
          await second;
          yield Buffer.from('abcdefghij');
        },
      },
    };
  }

  #playlist(): HlsAnswer {
    const lines = [];
    for (let number = this.first; number <= this.last; number++) {
      if (number === this.first && this.#isMarked) lines.push('#EXT-X-DISCONTINUITY');
      lines.push('#EXTINF:2.000,', `segment/${this.#maker}-${number}.ts`);
    }
    const text = [
      ...['#EXTM3U', '#EXT-X-TARGETDURATION:2', `#EXT-X-MEDIA-SEQUENCE:${this.first}`],
      ...(this.#discontinuities > 0 ? [`#EXT-X-DISCONTINUITY-SEQUENCE:${this.#discontinuities}`] : []),
      ...lines,
    ];
    return {
      ...{ status: 200, kind: 'playlist', contentType: 'application/vnd.apple.mpegurl', maxAgeMs: 50 },
      body: Buffer.from(`${text.join('\n')}\n`),
      targetDurationMs: 2_000,
      progress: { mediaSequence: this.last, discontinuitySequence: this.#discontinuities },
    };
  }
}

export interface HlsNodeOptions {
  readonly mayOwn?: boolean;
  readonly settings?: Partial<EdgeSettings>;
  readonly stream?: HlsStream;
}

/** A node with an edge and, on a worker, the door for other nodes. */
export class HlsNode {
  readonly name: string;
  readonly edge: HlsEdge;
  readonly origins: TestOrigin[] = [];
  readonly #stream: HlsStream;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  url = '';

  private constructor(
    name: string,
    table: OwnerTable,
    { mayOwn = true, settings = {}, stream = STREAM }: HlsNodeOptions,
  ) {
    this.name = name;
    this.#stream = stream;
    this.edge = new HlsEdge({
      engine: { adopt: () => () => {} },
      open: (_stream, { resume }) => {
        const origin = new TestOrigin(`${name}${this.origins.length}`, resume);
        this.origins.push(origin);
        return { origin };
      },
      settings: { ...DEFAULT_EDGE_SETTINGS, playlistPatienceMs: 300, stallMs: 2_000, ...settings },
      log,
      cluster: { ownership: table.of(name, { mayOwn }), node: name, token: TOKEN },
    });
    const door = new HlsRelayDoor({
      token: TOKEN,
      state: { getDefinition: async (id) => (id === STREAM_ID ? ({} as StreamDefinition) : undefined) },
      peers: { definition: async () => undefined },
      edge: this.edge,
      streamOf: () => stream,
      log,
    });
    this.#server = createServer((req: IncomingMessage, res: ServerResponse) => {
      if (!door.serve(req, res)) res.writeHead(404).end();
    });
    this.#server.on('connection', (socket) => this.#sockets.add(socket));
  }

  static async start(name: string, table: OwnerTable, options: HlsNodeOptions = {}): Promise<HlsNode> {
    const { mayOwn = true } = options;
    const node = new HlsNode(name, table, options);
    node.#server.listen(0, '127.0.0.1');
    await once(node.#server, 'listening');
    node.url = `http://127.0.0.1:${(node.#server.address() as AddressInfo).port}`;
    if (mayOwn) table.urls.set(name, node.url);
    return node;
  }

  get origin(): TestOrigin {
    const origin = this.origins.at(-1);
    if (!origin) throw new Error(`${this.name} has no origin`);
    return origin;
  }

  /** What it has is not given out any more: who asks for the playlist has it fetched. */
  get isListOld(): boolean {
    const request = { path: 'playlist.m3u8', query: new URLSearchParams() };
    return this.edge.current(STREAM_ID, request) === undefined;
  }

  ask(path: string, signal = new AbortController().signal): Promise<Served> {
    return this.edge.answer(this.#stream, { path, query: new URLSearchParams() }, signal);
  }

  /** The playlist as a player reads it. */
  async playlist(): Promise<{ text: string; uris: string[]; cache: string }> {
    const { answer, cache } = await this.ask('playlist.m3u8');
    const text = String(answer.body);
    return { text, cache, uris: text.split('\n').filter((line) => line !== '' && !line.startsWith('#')) };
  }

  async segment(path: string): Promise<string> {
    const { answer } = await this.ask(path);
    if (Buffer.isBuffer(answer.body)) return answer.body.toString();
    let text = '';
    for await (const chunk of answer.body.open()) text += chunk;
    return text;
  }

  /** As a killed process: connections are refused and reset. */
  kill(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    await this.edge.close();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
