import { type Route, route } from '../http/route.ts';
import {
  detailedAnswer,
  healthAnswer,
  performanceAnswer,
  rootAnswer,
  statsAnswer,
} from '../schemas/server-responses.ts';
import { listQuery } from '../schemas/stream-requests.ts';
import { streamStatsList } from '../schemas/stream-responses.ts';
import type { LiveStream } from '../streams/live-view.ts';
import { showClient, showStream } from '../streams/shown.ts';
import type { Services } from './services.ts';
import { statistics } from './statistics.ts';

export function statsRoutes(services: Services): Route[] {
  const { live, config, version, signer } = services;
  const { proxyStats, performanceParts, figuresOf } = statistics(services);
  const shownEverywhere = async (streams: readonly LiveStream[]) => {
    const figures = await figuresOf();
    return streams.map((stream) => showStream(stream, signer, figures(stream.record.id)));
  };
  const tag = 'Server';
  return [
    route({
      method: 'get',
      path: '/',
      access: 'token',
      tag,
      summary: 'What this is, and how it is doing',
      answers: { 200: { description: 'It runs', schema: rootAnswer } },
      async handle() {
        const stats = await proxyStats();
        return {
          status: 'running',
          message: 'Streampool is running',
          version,
          uptime: stats.uptime_seconds,
          stats,
        };
      },
    }),
    route({
      method: 'get',
      path: '/health',
      access: 'token',
      tag,
      summary: 'Health with figures (for probes see /healthz and /readyz)',
      quiet: true,
      answers: { 200: { description: 'It is healthy', schema: healthAnswer } },
      async handle() {
        const stats = await proxyStats();
        return {
          status: 'healthy',
          root_path: config.rootPath,
          version,
          uptime_seconds: stats.uptime_seconds,
          active_streams: stats.active_streams,
          active_clients: stats.active_clients,
          total_bytes_served: stats.total_bytes_served,
          stats,
        };
      },
    }),
    route({
      method: 'get',
      path: '/stats',
      access: 'token',
      tag,
      summary: 'Figures, streams and viewers in one',
      answers: { 200: { description: 'Everything', schema: statsAnswer } },
      async handle() {
        const [stats, streams, clients] = await Promise.all([proxyStats(), live.streams(), live.clients({})]);
        return {
          ...stats,
          streams: await shownEverywhere(streams.items),
          clients: clients.items.map(showClient),
        };
      },
    }),
    route({
      method: 'get',
      path: '/stats/detailed',
      access: 'token',
      tag,
      summary: 'Figures of all nodes',
      answers: { 200: { description: 'Figures', schema: detailedAnswer } },
      async handle() {
        const stats = await proxyStats();
        return {
          proxy_stats: stats,
          ...(await performanceParts()),
          stream_count: stats.total_streams,
          client_count: stats.total_clients,
        };
      },
    }),
    route({
      method: 'get',
      path: '/stats/performance',
      access: 'token',
      tag,
      summary: 'Figures of all nodes: time, memory, connections, failovers',
      answers: { 200: { description: 'Figures', schema: performanceAnswer } },
      async handle() {
        const { connection_pool_stats, ...parts } = await performanceParts();
        return { connection_pool: connection_pool_stats, ...parts, timestamp: new Date().toISOString() };
      },
    }),
    route({
      method: 'get',
      path: '/stats/streams',
      access: 'token',
      tag,
      summary: 'List streams, last used first',
      query: listQuery,
      answers: { 200: { description: 'Streams', schema: streamStatsList } },
      async handle({ query }) {
        const { items, next } = await live.streams(query);
        return { total_streams: items.length, streams: await shownEverywhere(items), ...(next && { next }) };
      },
    }),
  ];
}
