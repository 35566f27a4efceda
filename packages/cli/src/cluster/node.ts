import { hostname } from 'node:os';
import type { NetworkKeeper } from '@streampool/broadcast';
import { isStreampoolError } from '@streampool/errors';
import {
  createGateway,
  type Gateway,
  type GatewayOptions,
  hlsStreamOf,
  type LogLevelControl,
  type NodeDoor,
  streamSpec,
} from '@streampool/gateway';
import { InProcessScheduler, ProcessReaper, Reaper, removeEndedWorkers } from '@streampool/jobs';
import type * as Queues from '@streampool/jobs/queue';
import { type ClusterState, RememberingState } from '@streampool/state';
import { RedisClusterState } from '@streampool/state/redis';
import { type Ownership, systemClock } from '@streampool/streaming';
import {
  Admission,
  ControlDoor,
  Departure,
  Drain,
  HlsRelayDoor,
  OperatorDoor,
  Peers,
  PlayingStreams,
  RelayDoor,
  RemoteOwnership,
  SlotDoor,
  SlotPeers,
  Worker,
  WorkerOwnership,
} from '@streampool/worker';
import type { Logger } from 'pino';
import type { Config } from '../config/settings.ts';
import { openDataPlane } from '../node/data-plane.ts';
import { front } from '../node/front.ts';
import { NodeMeters } from '../node/meters.ts';
import { secretOfCluster } from '../node/secrets.ts';
import { openWebhooks, type Webhooks } from '../node/webhooks.ts';
import { baseUrl } from '../serve/announce.ts';
import { cannotListen } from '../serve/cannot-listen.ts';
import { expiry, gatewayConfig } from '../serve/from-config.ts';
import { type JobsReport, jobsReport } from '../serve/jobs-report.ts';
import { Leaving } from '../serve/leaving.ts';
import type { RunningServer } from '../serve/serve.ts';
import { Teardown } from '../serve/teardown.ts';
import { nodeTracer } from '../tracing/node-tracer.ts';
import { tracedNodeDoor, tracedOwnership } from '../tracing/traced-parts.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { hasOtherGateway } from './other-gateway.ts';
import { rateLimitStore } from './rate-limit-store.ts';
import { redirectSecret, viewerRedirect } from './viewer-redirect.ts';

/** A few of a load balancer's probes. */
const GATEWAY_NOTICE_MS = 3_000;

export type NodeRole = 'gateway' | 'worker';

export interface NodeOptions {
  readonly role: NodeRole;
  readonly config: Config;
  readonly cluster: ClusterConfig;
  readonly log: Logger;
  readonly version: string;
  readonly logLevel: LogLevelControl;
}

/**
 * One node of a cluster: the same data plane, viewer door and records as `serve`, with the state in Redis and sources
 * wherever their owners are. A worker owns streams and plays them to other nodes; a gateway has the API and owns none.
 * Resolves when requests are taken. @throws StreampoolError CONFIG_INVALID, STATE_UNAVAILABLE; what was opened is closed again
 */
export async function runNode(options: NodeOptions): Promise<RunningServer> {
  const teardown = new Teardown(options.log);
  try {
    const { port, ...wishes } = await open(options, teardown);
    return { port, close: () => teardown.run(), ...wishes };
  } catch (error) {
    await teardown.run();
    throw error;
  }
}

async function open(options: NodeOptions, teardown: Teardown): Promise<Omit<RunningServer, 'close'>> {
  const { role, config, cluster, log, version, logLevel } = options;
  const { nodeId, redisUrl, internalToken } = cluster;
  const host = hostname();
  const prefix = config.redisKeyPrefix;
  const { leaseMs } = expiry(config);
  const meters = new NodeMeters();
  // Gateways do no jobs.
  const queues = role === 'worker' ? await import('@streampool/jobs/queue') : undefined;
  const tracer = await nodeTracer(config, { node: nodeId, role, version });
  // Opened first, closed last: closing is traced, too.
  teardown.add('tracer', () => tracer.close());
  const redis = meters.measured('redis', new RedisClusterState({ url: redisUrl, prefix, ...expiry(config) }));
  const state: ClusterState = new RememberingState({ state: redis, leaseMs });
  teardown.add('state', () => state.close());
  if (role === 'worker') await releaseFromPredecessors(state, host, log);

  const webhooks = openWebhooks({ config, nodeId, state, log, version, teardown });
  let worker: Worker | undefined;
  let jobs: JobsReport | undefined;
  // The worker listens to the engine, and the engine asks the worker who owns what.
  let ownership: Ownership = new RemoteOwnership({ state, leaseMs });
  const asked = tracedOwnership({ acquire: (streamId, how) => ownership.acquire(streamId, how) }, tracer);
  const plane = await openDataPlane({
    ...{ config, nodeId, state, secret: secretOfCluster(internalToken), log, tracer, meters, teardown },
    worker: () => worker,
    tell: webhooks.tell,
    cluster: { ownership: asked, node: nodeId, token: internalToken },
    slotPeers: new SlotPeers({ state, log, self: nodeId, token: internalToken }),
  });
  const { slots, engine, hls } = plane;
  if (role === 'gateway') meters.showNodes(state);

  const specOf = (definition: Parameters<typeof streamSpec>[0]) =>
    streamSpec(definition, config.defaultUserAgent);
  const peers = new Peers({ state, log, self: nodeId, token: internalToken });
  const controlDoor = new ControlDoor({ engine, state, log, token: internalToken });
  const relayDoor = new RelayDoor({
    ...{ state, engine, specOf, peers, log, ownership: asked, token: internalToken },
  });
  const operatorDoor = new OperatorDoor({
    ...{ log, logLevel, token: internalToken },
    report: () => gateway.report(),
  });
  const hlsDoor = new HlsRelayDoor({
    ...{ state, peers, log, edge: hls, token: internalToken },
    streamOf: (definition) => hlsStreamOf(definition, config.defaultUserAgent),
  });
  const slotDoor = new SlotDoor({ slots, log, token: internalToken });
  const nodeDoor: NodeDoor = {
    serve: (req, res) =>
      controlDoor.serve(req, res) ||
      operatorDoor.serve(req, res) ||
      slotDoor.serve(req, res) ||
      (role === 'worker' && (hlsDoor.serve(req, res) || relayDoor.serve(req, res))),
  };
  const playing = new PlayingStreams(engine);
  const limits = role === 'gateway' ? rateLimitStore(redisUrl) : undefined;
  if (limits) teardown.add('limits', async () => limits.close());
  const gateway: Gateway = createGateway({
    ...(limits && { rateLimitStore: { redis: limits.redis, keyPrefix: prefix } }),
    ...(await front(
      plane,
      { config, log, meters, webhooks, teardown },
      { worker: () => worker, jobs: () => jobs },
    )),
    ...{ state, log, version, nodeId, logLevel, tracer },
    config: {
      ...gatewayConfig(config, { clustered: true }),
      redirectSecret: redirectSecret(internalToken),
      ...(role === 'worker' && { api: 'watching' }),
    },
    nodeDoor: tracedNodeDoor(nodeDoor, tracer),
    peers,
    admission: new Admission({
      ...{ state, leaseMs },
      plays: (streamId) => playing.has(streamId),
    }),
    ...redirects({ role, config, state, leaseMs }),
  });
  await slots.start();
  const port = await gateway.listen().catch((error: NodeJS.ErrnoException) => {
    throw cannotListen(error, config);
  });
  plane.client.guard.refuseOwnPort(port);

  const { promise: dismissed, resolve: dismiss } = Promise.withResolvers<string>();
  // From here to its creation nothing is awaited: no viewer can come before somebody keeps the records.
  const records = new Worker({
    ...{ id: nodeId, host, state, engine, log, version, role },
    url: config.workerUrl ?? baseUrl({ ...config, rootPath: '' }, port),
    ...(config.metricsUrl !== undefined && { metricsUrl: config.metricsUrl }),
    ...(config.workerPublicUrl !== undefined && { publicUrl: config.workerPublicUrl }),
    ...(role === 'worker' && { capacity: config.maxStreams, maxEncoders: config.maxEncoders }),
    heartbeatMs: config.heartbeatIntervalMs,
    clientTtlMs: expiry(config).clientTtlMs,
    onStreamRemoved: (streamId) => void engine.stop(streamId),
    onStatus: (status) => {
      if (role === 'worker') departure.wanted(status);
      else if (status === 'draining') dismiss('an operator drains this node');
    },
    onOwnerChanged: (streamId, by) => engine.follow(streamId, by.epoch),
    onReplaced: (detail) =>
      log.error({ detail }, 'another process uses this WORKER_ID: records are left to it'),
  });
  worker = records;
  teardown.add('worker', () => records.close());
  const drain = {
    worker: records,
    engine,
    state,
    leaseMs,
    log,
    timeoutMs: config.drainTimeoutMs,
    clock: systemClock,
  };
  const departure = new Departure({
    drain: () => new Drain(drain),
    leave: () => gateway.leave(),
    stay: () => gateway.stay(),
    onEmptied() {
      records.drain();
      dismiss('an operator has drained this node');
    },
  });
  if (role === 'worker') {
    ownership = new WorkerOwnership({ worker: records, state, leaseMs });
  }
  jobs =
    queues &&
    runJobs({ ...options, queues, state, host, teardown, meters, webhooks, networks: plane.networks });

  // The gateway stops taking requests first, and has closed when the engine has ended the viewers.
  teardown.add('gateway', async () => {
    const closed = gateway.close();
    await engine.close();
    await closed;
  });
  await records.start();
  if (queues) webhooks.serve((tasks) => new queues.QueueTasks({ ...tasks, url: redisUrl, prefix }));
  const leaving = new Leaving({
    log,
    noticeMs: config.shutdownNoticeMs ?? (role === 'gateway' ? GATEWAY_NOTICE_MS : 0),
    announce: () => {
      gateway.leave();
      records.drain();
    },
    ...(role === 'gateway' && {
      hasSuccessor: () => hasOtherGateway(state, { self: nodeId, leaseMs }),
    }),
  });
  return {
    port,
    dismissed,
    leave: async (signal) => {
      await Promise.all([
        leaving.giveNotice(signal),
        ...(role === 'worker' ? [departure.finish(signal)] : []),
      ]);
    },
  };
}

/** Players reach workers by their own addresses where operators say so: then they can be sent from one node to another. */
function redirects({
  role,
  config,
  state,
  leaseMs,
}: Pick<NodeOptions, 'role' | 'config'> & { state: ClusterState; leaseMs: number }): Pick<
  GatewayOptions,
  'redirect' | 'redirectWhenLeaving'
> {
  const isRedirecting = config.edgeMode === 'redirect';
  if (role === 'gateway') return isRedirecting ? { redirect: viewerRedirect(state, leaseMs) } : {};
  const isReached = isRedirecting || config.workerPublicUrl !== undefined;
  return isReached ? { redirectWhenLeaving: viewerRedirect(state, leaseMs) } : {};
}

/** One run per interval in the whole cluster reaps records; each worker looks after its host's processes, which nobody else can see. */
function runJobs(
  options: NodeOptions & {
    queues: typeof Queues;
    state: ClusterState;
    host: string;
    teardown: Teardown;
    meters: NodeMeters;
    webhooks: Webhooks;
    networks: NetworkKeeper;
  },
): JobsReport {
  const { config, cluster, queues, log, state, host, teardown, meters, webhooks, networks } = options;
  const onRun = meters.jobs.observe;
  const queue = new queues.QueueScheduler({
    url: cluster.redisUrl,
    prefix: config.redisKeyPrefix,
    log,
    onRun,
  });
  meters.jobs.watchQueues(async () =>
    (await Promise.all([queue.queueSizes(), webhooks.queueSizes()])).flat(),
  );
  const local = new InProcessScheduler({ log, onRun });
  teardown.add('jobs', async () => {
    await Promise.all([queue.close(), local.close()]);
  });
  local.every('networks', config.heartbeatIntervalMs, (signal) => networks.run(signal));
  const reaper = new Reaper({ state, log, self: cluster.nodeId });
  queue.every('reaper', config.cleanupIntervalMs, (signal) => reaper.run(signal).then(() => {}));
  const processReaper = new ProcessReaper({ state, host, log });
  const killOrphans = (signal: AbortSignal): Promise<void> => processReaper.run(signal).then(() => {});
  // At once: what a killed predecessor has left running holds provider connections.
  local.every('orphans', config.cleanupIntervalMs, killOrphans, { firstAfterMs: 0 });
  return jobsReport({ schedulers: [queue, local], reaper, processReaper });
}

/**
 * What workers of this host owned that have ended is free at once, without waiting for their leases. A store that is away
 * is no reason not to start: the node joins when it comes, and leases run out by themselves.
 */
async function releaseFromPredecessors(state: ClusterState, host: string, log: Logger): Promise<void> {
  try {
    const removed = await removeEndedWorkers(state, { host });
    if (removed.length > 0) log.info({ workers: removed }, 'took over from workers that have ended');
  } catch (error) {
    if (!isStreampoolError(error, 'STATE_UNAVAILABLE')) throw error;
    log.warn({ reason: error.message }, 'starting without the state; this node joins when it is there');
  }
}
