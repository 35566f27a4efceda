import type { Server } from 'node:http';
import { EventFeed } from '@streampool/events';
import { NO_TRACER } from '@streampool/tracing';
import type { Express } from 'express';
import { SCOPES, TokenBook } from './access/api-tokens.ts';
import { DEFAULT_RATE_LIMITS, RateLimits } from './access/rate-limits.ts';
import { ViewerAccess } from './access/viewer-access.ts';
import { gatewayApp } from './app.ts';
import { EventStreams } from './events/event-streams.ts';
import { ClusterFigures } from './figures/cluster-figures.ts';
import { type NodeReport, nodeReport } from './figures/node-report.ts';
import { HlsDoor } from './hls/hls-door.ts';
import { loggable } from './http/loggable-error.ts';
import { HttpServer } from './http-server.ts';
import { EventMeter } from './metrics/event-metrics.ts';
import { Metrics } from './metrics/metrics.ts';
import { SessionMeter } from './metrics/session-metrics.ts';
import type { GatewayOptions } from './options.ts';
import type { Services } from './routes/services.ts';
import { SessionKeeper } from './sessions/session-keeper.ts';
import { DEFAULT_SESSION_SETTINGS } from './sessions/session-settings.ts';
import { Endings } from './streams/endings.ts';
import { LiveView } from './streams/live-view.ts';
import { REDIRECT_TTL_MS, STEADY_MS, urlSigner } from './streams/signed-url.ts';
import { Timelines } from './timelines/timelines.ts';
import { ViewerDoor } from './viewers/viewer-door.ts';

export interface Gateway {
  /** The API without watching, which the server does before it. */
  readonly app: Express;
  readonly server: Server;
  /** Resolves with the port once connections are taken. @throws the system's error, such as EADDRINUSE */
  listen(): Promise<number>;
  /** What this process has done since it started, and how it is. */
  report(): NodeReport;
  /** It will be closed: probes and new viewers are told so from now on; everything else goes on. */
  leave(): void;
  /** It will not be closed after all: takes `leave` back. */
  stay(): void;
  /**
   * Takes no new requests, lets those under way end, and resolves when all connections are closed, at the latest after
   * `closeTimeoutMs`. Viewers are the engine's: close it while this waits. Idempotent. Closes neither engine nor state.
   */
  close(): Promise<void>;
}

/** The gateway of a process: API, metrics, and the door for viewers. Nothing listens before `listen()`. */
export function createGateway(options: GatewayOptions): Gateway {
  const { config, engine, state, nodeDoor } = options;
  const log = options.log.child({}, { serializers: { err: loggable } });
  const feed = options.events ?? new EventFeed({ state, log });
  const eventStreams = new EventStreams({ feed });
  const sessionMeter = new SessionMeter(() => sessions.active);
  const eventMeter = new EventMeter(() => eventStreams.listeners, feed);
  const meters = [...(options.meters ?? []), sessionMeter, eventMeter];
  const metrics = new Metrics(engine, options.version, { figures: options.figures, meters });
  let closing: Promise<void> | undefined;
  let leaving = false;
  const live = new LiveView({
    ...{ state, engine, nodeId: options.nodeId },
    clustered: config.facts.clustered ?? false,
  });
  const sessions: SessionKeeper = new SessionKeeper({
    ...{ state, engine, nodeId: options.nodeId, log },
    settings: config.sessions ?? DEFAULT_SESSION_SETTINGS,
    observe: sessionMeter,
    ...(options.peers && { peers: options.peers }),
  });
  const startedAtMs = Date.now();
  const report = (): NodeReport => nodeReport({ engine, metrics, startedAtMs });
  const { peers } = options;
  const tokens =
    options.tokens ??
    new TokenBook(config.apiToken ? [{ name: 'API_TOKEN', scopes: SCOPES, token: config.apiToken }] : []);
  const limits = new RateLimits({
    settings: config.rateLimits ?? DEFAULT_RATE_LIMITS,
    ...options.rateLimitStore,
  });
  const viewerAccess = new ViewerAccess({ tokens, limits, config });
  const services: Services = {
    ...options,
    tracer: options.tracer ?? NO_TRACER,
    tokens,
    limits,
    viewerAccess,
    clusterFigures: new ClusterFigures({
      ...{ state, nodeId: options.nodeId, own: report },
      ask: peers && ((node) => peers.report(node)),
    }),
    metrics,
    live,
    sessions,
    endings: new Endings({ ...options, live }),
    timelines: new Timelines(options),
    eventStreams,
    signer: viewerAccess.signer,
    redirectSigner: urlSigner(config.streamUrlSecret ?? config.redirectSecret, REDIRECT_TTL_MS),
    hlsRedirectSigner: urlSigner(
      config.streamUrlSecret ?? config.redirectSecret,
      REDIRECT_TTL_MS,
      Date.now,
      STEADY_MS,
    ),
    startedAtMs,
    isClosing: () => leaving || closing !== undefined,
  };
  const app = gatewayApp(services, log);
  const door = new ViewerDoor({ services, log });
  const hlsDoor = options.hls && new HlsDoor({ services, log, edge: options.hls });
  const http: HttpServer = new HttpServer((req, res) => {
    if (nodeDoor?.serve(req, res)) return;
    if (!hlsDoor?.serve(req, res) && !door.serve(req, res)) app(req, res);
  }, config);
  const unlisten = engine.on('viewer_detached', (viewer) => {
    log.info(
      {
        streamId: viewer.streamId,
        clientId: viewer.clientId,
        reason: viewer.reason,
        bytes: viewer.bytes,
        skips: viewer.skips,
        seconds: Math.round((Date.now() - viewer.connectedAt) / 1000),
      },
      'viewer left',
    );
  });

  return {
    app,
    server: http.server,
    report,
    listen: () => http.listen({ host: config.host, port: config.port }),
    leave() {
      leaving = true;
    },
    stay() {
      leaving = false;
    },
    close() {
      eventStreams.close();
      closing ??= http.close(config.closeTimeoutMs).then(() => {
        unlisten();
        door.close();
        sessions.close();
        metrics.close();
      });
      return closing;
    },
  };
}
