import { join } from 'node:path';
import { type Callback, NETWORK_STATUS, Network, NetworkKeeper } from '@streampool/broadcast';
import { StreampoolError } from '@streampool/errors';
import { hlsStreamOf } from '@streampool/gateway';
import type { HlsResume } from '@streampool/hls';
import type { HlsEdge, HlsStream, OpenedOrigin } from '@streampool/hls-edge';
import type { ClusterState, Programme, StreamDefinition } from '@streampool/state';
import type { EmitEngineEvent, StreamEngine } from '@streampool/streaming';
import type { Logger } from 'pino';
import type { Config } from '../config/settings.ts';
import type { Webhooks } from './webhooks.ts';

export interface NetworksOptions {
  readonly config: Config;
  readonly state: ClusterState;
  readonly engine: StreamEngine;
  /** Tells somebody that a programme is over; the same id once. */
  readonly tell: Webhooks['tell'];
  readonly log: Logger;
}

/** How a node plays networks: see `Network`. */
export class Networks {
  readonly #options: NetworksOptions;
  readonly #open = new Set<string>();

  constructor(options: NetworksOptions) {
    this.#options = options;
  }

  /** `resume`: how far an earlier owner had come. */
  open({ spec, programme }: HlsStream, emit: EmitEngineEvent, resume?: HlsResume): OpenedOrigin {
    const { config, engine, log } = this.#options;
    const network: Network = new Network({
      ...{ spec, programme: programme as Programme, engine, log, ...(resume && { resume }) },
      folderOf: (shown) => folderOf(config, shown),
      startTimeoutMs: config.streamTimeoutMs,
      keptMs: config.broadcastKeptMs,
      callback: (callback) => this.#tell(callback),
      onOver: (shown) => this.#noteOver(spec.id, shown),
      onQuiet: (to) =>
        emit('pool_state', { streamId: spec.id, from: 'draining', to, reason: 'the programme is over' }),
    });
    this.#open.add(spec.id);
    void network.closed.then(() => this.#open.delete(spec.id));
    const startedAt = Date.now();
    return {
      origin: network,
      update: (stream) => network.update({ spec: stream.spec, programme: stream.programme as Programme }),
      source: {
        // While it plays it is this node's, whether or not its pool is still there; which says more as long as it is.
        snapshot: () => ({
          ...{ streamId: spec.id, kind: 'transcode', state: network.isPlaying ? 'draining' : 'idle' },
          ...{ viewers: 0, startedAt },
          ...{ lastAccess: Date.now(), bytesIn: 0, bytesOut: 0, ringBytes: 0 },
          ...{ failoverIndex: 0, failoverAttempts: 0, restarts: 0 },
        }),
        failover: async () => {
          throw new StreampoolError('FAILOVER_NOT_CONFIGURED', 'a programme has one source');
        },
      },
    };
  }

  /** Looks for networks that nobody plays any more. */
  keeper(edge: HlsEdge): NetworkKeeper {
    const { state, log, config } = this.#options;
    return new NetworkKeeper({
      ...{ state, log },
      has: (streamId) => this.#open.has(streamId),
      play: (definition, signal) =>
        edge.answer(
          hlsStreamOf(definition, config.defaultUserAgent),
          { path: NETWORK_STATUS, query: new URLSearchParams() },
          signal,
        ),
    });
  }

  #tell({ url, body, programmeStartedAtMs }: Callback): void {
    const id = `programme.${body.network_id}.${programmeStartedAtMs}`;
    this.#options.tell(id, { url, body });
  }

  async #noteOver(streamId: string, { startedAtMs }: Programme): Promise<void> {
    const { state, log } = this.#options;
    try {
      const definition: StreamDefinition | undefined = await state.getDefinition(streamId);
      const { programme } = definition ?? {};
      if (!definition || programme?.startedAtMs !== startedAtMs || programme.stoppedAtMs !== undefined)
        return;
      const over = { ...programme, stoppedAtMs: Date.now(), isOver: true };
      await state.putStream({ ...definition, programme: over });
    } catch (error) {
      log.warn({ err: error, streamId }, 'that a programme is over cannot be noted');
    }
  }
}

/** Names of networks are made of letters, digits and the like (the API sees to that), so that none leads elsewhere. */
function folderOf(config: Config, { network, recorded }: Programme): string {
  return join(recorded ? config.recordingDir : config.broadcastDir, `broadcast_${network}`);
}
