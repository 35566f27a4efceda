import type { NetworkKeeper } from '@streampool/broadcast';
import type { PageApi } from '@streampool/gateway';
import type { HlsEdge } from '@streampool/hls-edge';
import type { ClusterState } from '@streampool/state';
import { type ClusterOptions, SharedHealth, StreamEngine, systemClock } from '@streampool/streaming';
import { NO_TRACER, type Tracer } from '@streampool/tracing';
import { Door, HttpUpstreamClient, type UpstreamTimeouts } from '@streampool/upstream';
import { SlotKeeper, type SlotPeers, type Worker } from '@streampool/worker';
import type { Logger } from 'pino';
import type { Config } from '../config/settings.ts';
import { engineSettings } from '../serve/from-config.ts';
import type { Teardown } from '../serve/teardown.ts';
import { tracedUpstream } from '../tracing/traced-parts.ts';
import { openHls } from './hls.ts';
import type { NodeMeters } from './meters.ts';
import { Networks } from './networks.ts';
import { openPages } from './pages.ts';
import type { InstallationSecret } from './secrets.ts';
import type { Webhooks } from './webhooks.ts';

export interface DataPlaneOptions {
  readonly config: Config;
  /** Under which this process writes to the state. */
  readonly nodeId: string;
  readonly state: ClusterState;
  readonly secret: InstallationSecret;
  readonly log: Logger;
  readonly tracer: Tracer;
  readonly meters: NodeMeters;
  /** Is told what has to be closed, in the order of its opening. */
  readonly teardown: Teardown;
  /** The node's worker, which listens to the engine and so comes after it; undefined until then. */
  readonly worker: () => Worker | undefined;
  /** In a cluster: how this node takes part in it, and other nodes that hold provider connections. */
  readonly cluster?: ClusterOptions;
  readonly slotPeers?: SlotPeers;
  readonly tell: Webhooks['tell'];
}

/** Everything of a node that touches media, the same for a node of its own and for one of a cluster. */
export interface DataPlane {
  readonly secret: InstallationSecret;
  /** Looks at pages in the place of media. */
  readonly pages: PageApi;
  readonly slots: SlotKeeper;
  readonly client: HttpUpstreamClient;
  readonly health: SharedHealth;
  readonly engine: StreamEngine;
  readonly hls: HlsEdge;
  /** Sees to it that networks go on, where this node plays streams. */
  readonly networks: NetworkKeeper;
  /** Of opening an upstream. */
  readonly timeouts: UpstreamTimeouts;
}

/** Opens it. Nothing is played before somebody asks the engine to; `slots` are to be started by whoever listens. */
export async function openDataPlane(options: DataPlaneOptions): Promise<DataPlane> {
  const { config, nodeId, state, secret, log, teardown, worker, cluster, slotPeers, tracer, meters, tell } =
    options;
  const slots: SlotKeeper = new SlotKeeper({
    ...{ node: nodeId, state, log, providers: config.providers, heartbeatMs: config.heartbeatIntervalMs },
    engine: () => engine,
    ...(slotPeers && { peers: slotPeers }),
    onHandOver: (handOver) => worker()?.noteHandOver(handOver),
  });
  teardown.add('slots', () => slots.close());

  const pages = openPages(config, { secret, teardown });
  const client = tracedUpstream(
    new HttpUpstreamClient({
      slots,
      pages: (guard) => pages.resolver(guard),
      policy: { access: config.upstreamAccess },
      verifyTls: config.verifyUpstreamTls,
    }),
    tracer,
  );
  const timeouts = { connectMs: config.connectTimeoutMs, firstByteMs: config.streamTimeoutMs };
  const door = await Door.listen({ client, timeouts: { ...timeouts, stallMs: config.stallTimeoutMs } });
  teardown.add('door', () => door.close());

  const health = new SharedHealth({
    node: nodeId,
    store: (exchange) => state.exchangeSources(exchange),
    clock: systemClock,
    intervalMs: config.heartbeatIntervalMs,
  });
  teardown.add('health', () => health.close());
  const engine: StreamEngine = new StreamEngine({
    health,
    settings: engineSettings(config),
    client,
    door,
    log,
    ...(tracer !== NO_TRACER && { tracer }),
    ...(cluster && { cluster }),
  });
  teardown.add('engine', () => engine.close());
  const networks = new Networks({ config, state, engine, log, tell });
  const hls = openHls({
    ...{ config, secret, client, health, engine, log, teardown, meters, networks },
    ...(cluster && { cluster }),
  });
  const keeper = networks.keeper(hls);
  return { secret, pages: pages.api, slots, client, health, engine, hls, networks: keeper, timeouts };
}
