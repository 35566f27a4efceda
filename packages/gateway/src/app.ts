import { isStreampoolError, StreampoolError } from '@streampool/errors';
import express, { type Express } from 'express';
import type { Logger } from 'pino';
import { accessLog } from './http/access-log.ts';
import { compressedAnswers } from './http/compressed-answers.ts';
import { allowOtherOrigins } from './http/cross-origin.ts';
import { errorHandler } from './http/error-response.ts';
import { beginRequest, contextOf } from './http/request-context.ts';
import { mountRoutes, type Route } from './http/route.ts';
import { secureHeaders } from './http/secure-headers.ts';
import { checkToken, presentedToken } from './http/token-check.ts';
import { tracedRequests } from './http/traced-requests.ts';
import { DOCS_SECURITY_POLICY, docsPage } from './openapi/docs-page.ts';
import { openApiDocument } from './openapi/document.ts';
import { broadcastRoutes } from './routes/broadcast.ts';
import { clientRoutes } from './routes/clients.ts';
import { createRoutes } from './routes/create-streams.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { deleteRoutes } from './routes/delete-streams.ts';
import { drillRoutes } from './routes/drill.ts';
import { eventRoutes } from './routes/events.ts';
import { failoverRoutes } from './routes/failover.ts';
import { hlsRoutes } from './routes/hls.ts';
import { logLevelRoutes } from './routes/log-level.ts';
import { providerRoutes } from './routes/providers.ts';
import { readRoutes } from './routes/read-streams.ts';
import { serverRoutes } from './routes/server.ts';
import { serviceDiscoveryRoutes } from './routes/service-discovery.ts';
import type { Services } from './routes/services.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { signRoutes } from './routes/sign.ts';
import { statsRoutes } from './routes/stats.ts';
import { timelineRoutes } from './routes/timelines.ts';
import { userRoutes } from './routes/users.ts';
import { watchRoutes } from './routes/watch.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { workerRoutes } from './routes/workers.ts';
import { plainAddress } from './viewers/viewer-identity.ts';

/** What a load balancer, Prometheus and an operator ask of a worker. */
const WATCHING: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics', '/info']);

/** Every operation of the API. */
export function allRoutes(services: Services): Route[] {
  if (services.config.api === 'watching') {
    return [...watchRoutes, ...serverRoutes(services).filter(({ path }) => WATCHING.has(path))];
  }
  return [
    ...watchRoutes,
    ...createRoutes(services),
    ...readRoutes(services),
    ...deleteRoutes(services),
    ...failoverRoutes(services),
    ...drillRoutes(services),
    ...broadcastRoutes(services),
    ...clientRoutes(services),
    ...hlsRoutes(services),
    ...timelineRoutes(services),
    ...eventRoutes(services),
    ...webhookRoutes(services),
    ...deadLetterRoutes(services),
    ...statsRoutes(services),
    ...serverRoutes(services),
    ...workerRoutes(services),
    ...serviceDiscoveryRoutes(services),
    ...logLevelRoutes(services),
    ...providerRoutes(services),
    ...signRoutes(services),
    ...sessionRoutes(services),
    ...userRoutes(services),
  ];
}

/** The Express application: everything but watching. What happens to a request, in the order it happens. */
export function gatewayApp(services: Services, log: Logger): Express {
  const { config, metrics, version, tokens, limits } = services;
  const routes = allRoutes(services);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', [...config.trustedProxies]);
  app.set('query parser', 'simple');

  app.use((req, res, next) => {
    beginRequest(req, res, log);
    next();
  });
  app.use(withoutPrefix(config.rootPath));
  const isForPages = (path: string): boolean => tokens.any || /^\/(?:stream|hls)\//.test(path);
  app.use((req, res, next) => {
    if (!isForPages(req.path) || !allowOtherOrigins(req, res)) next();
  });
  app.use(accessLog(metrics));
  app.use(tracedRequests(services.tracer));
  app.use(compressedAnswers());
  app.use(secureHeaders);

  const router = express.Router();
  mountRoutes(router, routes, {
    authorize: async (req, res, scope) => {
      const address = plainAddress(req.ip);
      const presented = presentedToken(req, queryOf(req));
      if (presented !== undefined && tokens.any) await limits.mayTry(address);
      try {
        const holder = checkToken(tokens, presented, scope);
        contextOf(res).caller = holder?.name;
        await limits.api(address, holder?.name);
      } catch (error) {
        if (isStreampoolError(error, 'TOKEN_WRONG')) await limits.failed(address);
        throw error;
      }
    },
    bodyLimitBytes: config.bodyLimitBytes,
  });
  app.use(router);
  const document = once(() => openApiDocument(routes, { version, rootPath: config.rootPath }));
  const page = once(() => docsPage(document()));
  app.get('/openapi.json', (_req, res) => {
    res.json(document());
  });
  app.get('/docs', (_req, res) => {
    res.setHeader('Content-Security-Policy', DOCS_SECURITY_POLICY);
    res.type('html').send(page());
  });
  app.use(() => {
    throw new StreampoolError('NOT_FOUND', 'There is nothing at this path');
  });
  app.use(errorHandler);
  return app;
}

/** Made when somebody asks for it for the first time: most servers are never asked what their API is. */
function once<T>(make: () => T): () => T {
  let made: { readonly it: T } | undefined;
  return () => {
    made ??= { it: make() };
    return made.it;
  };
}

function queryOf(req: express.Request): URLSearchParams {
  return new URLSearchParams(req.originalUrl.split(/\?(.*)/s, 2)[1]);
}

/** Paths answer with and without the prefix: some reverse proxies take it away, some pass it on. */
function withoutPrefix(rootPath: string): express.RequestHandler {
  return (req, _res, next) => {
    if (
      rootPath &&
      (req.url === rootPath || req.url.startsWith(`${rootPath}/`) || req.url.startsWith(`${rootPath}?`))
    ) {
      const rest = req.url.slice(rootPath.length);
      req.url = rest.startsWith('/') ? rest : `/${rest}`;
    }
    next();
  };
}
