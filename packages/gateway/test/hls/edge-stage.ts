import type { HlsAnswer, HlsOrigin, HlsRequest } from '@streampool/hls';
import { DEFAULT_EDGE_SETTINGS, HlsEdge, type HlsEdgeOptions } from '@streampool/hls-edge';
import type { EmitEngineEvent } from '@streampool/streaming';
import { pino } from 'pino';
import type { GatewayConfig, GatewayOptions } from '../../src/index.ts';
import { closeAll, GatewayUnderTest } from '../gateway-under-test.ts';

export interface EdgeStageOptions {
  /** What the origin of every stream answers; media of ten bytes by default. */
  readonly answer?: (request: HlsRequest) => HlsAnswer;
  readonly config?: Partial<GatewayConfig>;
  readonly options?: Partial<GatewayOptions>;
  readonly clock?: HlsEdgeOptions['clock'];
}

/** A gateway and its HLS edge, in front of origins that answer as the test says. */
export interface EdgeStage {
  readonly it: GatewayUnderTest;
  readonly edge: HlsEdge;
  /** One for each stream that was opened. */
  readonly origins: readonly FakeOrigin[];
}

/** Remembers what it was asked. */
class FakeOrigin implements HlsOrigin {
  readonly asked: HlsRequest[] = [];
  readonly #closed = Promise.withResolvers<void>();
  readonly closed = this.#closed.promise;
  readonly #answer: (request: HlsRequest) => HlsAnswer;

  constructor(answer: (request: HlsRequest) => HlsAnswer) {
    this.#answer = answer;
  }

  async answer(request: HlsRequest): Promise<HlsAnswer> {
    this.asked.push(request);
    return this.#answer(request);
  }

  async close(): Promise<void> {
    this.#closed.resolve();
  }
}

/** `targetDurationMs` is 2,000 unless something else is said. */
export function playlistAnswer(text: string | Buffer, more: Partial<HlsAnswer> = {}): HlsAnswer {
  return {
    ...{ status: 200, kind: 'playlist', contentType: 'application/vnd.apple.mpegurl', maxAgeMs: 0 },
    ...{ body: Buffer.from(text), targetDurationMs: 2_000 },
    ...more,
  };
}

export function mediaAnswer(): HlsAnswer {
  return {
    ...{ status: 200, kind: 'media', contentType: 'video/mp2t', maxAgeMs: 60_000 },
    body: Buffer.from('0123456789'),
  };
}

const edges = new Set<HlsEdge>();

export async function edgeStage({
  answer = mediaAnswer,
  config,
  options,
  clock,
}: EdgeStageOptions = {}): Promise<EdgeStage> {
  const origins: FakeOrigin[] = [];
  // The gateway's engine is there only when the gateway is, which needs the edge.
  let emit: EmitEngineEvent = () => {};
  const edge = new HlsEdge({
    engine: {
      adopt:
        () =>
        (event, ...args) =>
          emit(event, ...args),
    },
    open: () => {
      const origin = new FakeOrigin(answer);
      origins.push(origin);
      return { origin };
    },
    settings: DEFAULT_EDGE_SETTINGS,
    log: pino({ level: 'silent' }),
    ...(clock && { clock }),
  });
  edges.add(edge);
  const it = await GatewayUnderTest.start(config, { hls: edge, ...options });
  emit = (event, ...args) => it.engine.emit(event, ...args);
  return { it, edge, origins };
}

/** For `afterEach`, in the place of `closeAll`. */
export async function closeStages(): Promise<void> {
  const all = [...edges];
  edges.clear();
  await Promise.all(all.map((edge) => edge.close()));
  await closeAll();
}
