import { hostname } from 'node:os';
import { StreampoolError } from '@streampool/errors';
import { createGateway, type LogLevelControl } from '@streampool/gateway';
import { InProcessScheduler, ProcessReaper, Reaper, removeEndedWorkers } from '@streampool/jobs';
import { type ClusterState, openSqliteState } from '@streampool/state';
import { Worker } from '@streampool/worker';
import type { Logger } from 'pino';
import type { Config } from '../config/settings.ts';
import { openDataPlane } from '../node/data-plane.ts';
import { front } from '../node/front.ts';
import { NodeMeters } from '../node/meters.ts';
import { secretBeside } from '../node/secrets.ts';
import { openWebhooks } from '../node/webhooks.ts';
import { nodeTracer } from '../tracing/node-tracer.ts';
import { baseUrl } from './announce.ts';
import { cannotListen } from './cannot-listen.ts';
import { prepareDataDir } from './data-dir.ts';
import { expiry, gatewayConfig } from './from-config.ts';
import { type JobsReport, jobsReport } from './jobs-report.ts';
import { Leaving } from './leaving.ts';
import { Teardown } from './teardown.ts';

export interface RunningServer {
  readonly port: number;
  /** Resolves, with the reason, when somebody else than this process's owner wants it to end. */
  readonly dismissed?: Promise<string>;
  /** Before `close`, where nobody is in a hurry: tells others that it will end. Resolves when they have had the time, or when the signal is aborted; never rejects. */
  readonly leave?: (signal: AbortSignal) => Promise<void>;
  /** Ends viewers, processes and connections, in this order. Idempotent; never rejects. */
  close(): Promise<void>;
}

/**
 * Everything in one process: state in a file, data plane, worker, jobs, gateway. Resolves when requests are taken.
 * @throws StreampoolError CONFIG_INVALID and others that say what to do; what was opened by then is closed again
 */
export async function serve(
  config: Config,
  options: { log: Logger; version: string; logLevel?: LogLevelControl },
): Promise<RunningServer> {
  const teardown = new Teardown(options.log);
  try {
    const running = await open(config, options, teardown);
    return { ...running, close: () => teardown.run() };
  } catch (error) {
    await teardown.run();
    throw error;
  }
}

async function open(
  config: Config,
  { log, version, logLevel }: { log: Logger; version: string; logLevel?: LogLevelControl },
  teardown: Teardown,
): Promise<Omit<RunningServer, 'close'>> {
  const host = hostname();
  const { workerId } = config;
  const path = await prepareDataDir(config.dataDir);
  const secret = await secretBeside(path);
  const meters = new NodeMeters();
  const tracer = await nodeTracer(config, { node: workerId, role: 'serve', version });
  // Opened first, closed last: closing is traced, too.
  teardown.add('tracer', () => tracer.close());
  const state = meters.measured('sqlite', await openSqliteState({ path, ...expiry(config) }));
  teardown.add('state', () => state.close());
  await takeOverFromPredecessors(state, { host, workerId, log });

  const webhooks = openWebhooks({ config, nodeId: workerId, state, log, version, teardown });
  let worker: Worker | undefined;
  let jobs: JobsReport | undefined;
  const plane = await openDataPlane({
    ...{ config, nodeId: workerId, state, secret, log, tracer, meters, teardown },
    worker: () => worker,
    tell: webhooks.tell,
  });
  const { slots, engine } = plane;
  meters.showNodes(state);
  const gateway = createGateway({
    ...(await front(
      plane,
      { config, log, meters, webhooks, teardown },
      { worker: () => worker, jobs: () => jobs },
    )),
    ...{ state, log, version, nodeId: workerId, tracer },
    ...(logLevel && { logLevel }),
    config: gatewayConfig(config),
  });
  await slots.start();
  const port = await gateway.listen().catch((error: NodeJS.ErrnoException) => {
    throw cannotListen(error, config);
  });
  plane.client.guard.refuseOwnPort(port);

  // From here to its creation nothing is awaited: no viewer can come before somebody keeps the records.
  const records = new Worker({
    id: workerId,
    host,
    state,
    engine,
    log,
    version,
    url: baseUrl(config, port),
    ...(config.metricsUrl !== undefined && { metricsUrl: config.metricsUrl }),
    heartbeatMs: config.heartbeatIntervalMs,
    clientTtlMs: expiry(config).clientTtlMs,
    onStreamRemoved: (streamId) => void engine.stop(streamId),
    onOwnerChanged: (streamId, by) => log.warn({ streamId, ...by }, 'another worker owns this stream now'),
    onReplaced: (detail) =>
      log.error({ detail }, 'another process uses this WORKER_ID: records are left to it'),
  });
  worker = records;
  teardown.add('worker', () => records.close());

  const scheduler = new InProcessScheduler({ log, onRun: meters.jobs.observe });
  teardown.add('jobs', () => scheduler.close());
  const reaper = new Reaper({ state, log, self: workerId });
  const processReaper = new ProcessReaper({ state, host, log });
  scheduler.every('reaper', config.cleanupIntervalMs, (signal) => reaper.run(signal).then(() => {}));
  const keepNetworks = (signal: AbortSignal): Promise<void> => plane.networks.run(signal);
  scheduler.every('networks', config.heartbeatIntervalMs, keepNetworks, { firstAfterMs: 0 });
  // At once: what a killed predecessor has left running holds provider connections.
  const killOrphans = (signal: AbortSignal): Promise<void> => processReaper.run(signal).then(() => {});
  scheduler.every('orphans', config.cleanupIntervalMs, killOrphans, { firstAfterMs: 0 });

  jobs = jobsReport({ schedulers: [scheduler], reaper, processReaper });

  // The gateway stops taking requests first, and has closed when the engine has ended the viewers.
  teardown.add('gateway', async () => {
    const closed = gateway.close();
    await engine.close();
    await closed;
  });
  await records.start();
  webhooks.serve();
  const noticeMs = config.shutdownNoticeMs ?? 0;
  const leaving = new Leaving({ log, noticeMs, announce: () => gateway.leave() });
  return { port, leave: (signal) => leaving.giveNotice(signal) };
}

/** Frees what processes of this host that have ended still own, and refuses to run beside one that lives under the same name. */
async function takeOverFromPredecessors(
  state: ClusterState,
  { host, workerId, log }: { host: string; workerId: string; log: Logger },
): Promise<void> {
  const removed = await removeEndedWorkers(state, { host });
  if (removed.length > 0) log.info({ workers: removed }, 'took over from workers that have ended');
  const namesake = (await state.listWorkers()).find(
    (worker) => worker.id === workerId && worker.host === host,
  );
  if (namesake !== undefined) {
    throw new StreampoolError(
      'CONFIG_INVALID',
      `STREAMPOOL_DATA_DIR is in use by process ${namesake.pid}, which is called ${workerId} as well: ` +
        'stop it, or set WORKER_ID (to share its state) or STREAMPOOL_DATA_DIR (for one of its own)',
    );
  }
}
