import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { type Route, route } from '../http/route.ts';
import {
  cookiesFileAnswer,
  infoAnswer,
  livenessAnswer,
  profilesAnswer,
  readinessAnswer,
  testConnectionAnswer,
} from '../schemas/server-responses.ts';
import { cookiesFileQuery, testConnectionBody } from '../schemas/stream-requests.ts';
import type { Services } from './services.ts';
import { testConnection } from './test-connection.ts';

const seconds = (ms: number): number => ms / 1000;

export function serverRoutes(services: Services): Route[] {
  const { state, config, transcode, metrics, version, nodeId, probe } = services;
  const tag = 'Server';
  return [
    route({
      method: 'get',
      path: '/healthz',
      access: 'public',
      tag,
      summary: 'Liveness: the process answers',
      quiet: true,
      answers: { 200: { description: 'It does', schema: livenessAnswer } },
      handle: () => ({ status: 'ok' }),
    }),
    route({
      method: 'get',
      path: '/readyz',
      access: 'public',
      tag,
      summary: 'Readiness: send requests here',
      quiet: true,
      errors: ['STATE_UNAVAILABLE', 'SHUTTING_DOWN'],
      answers: { 200: { description: 'It is ready', schema: readinessAnswer } },
      async handle() {
        if (services.isClosing()) throw new StreampoolError('SHUTTING_DOWN', 'This server is shutting down');
        const before = performance.now();
        await withDeadline(state.ping(), config.readyTimeoutMs);
        return { status: 'ready', state_ms: Math.round((performance.now() - before) * 100) / 100 };
      },
    }),
    route({
      method: 'get',
      path: '/metrics',
      access: 'token',
      tag,
      summary: 'Figures for Prometheus',
      description:
        'Prometheus sends the token with `authorization: {credentials: …}` or `params: {api_token: […]}`.',
      quiet: true,
      answers: { 200: { description: 'Prometheus text format', contentType: 'text/plain' } },
      async handle({ res }) {
        res.setHeader('Content-Type', metrics.registry.contentType);
        res.end(await metrics.registry.metrics());
      },
    }),
    route({
      method: 'get',
      path: '/info',
      access: 'token',
      tag,
      summary: 'What is installed and how it is set up; no secrets',
      answers: { 200: { description: 'Versions, abilities, settings', schema: infoAnswer } },
      async handle() {
        const { facts } = config;
        const resolvers = await services.pages?.versions();
        const { ffmpegVersion, hardware } = transcode.abilities();
        return {
          version,
          ffmpeg_version: ffmpegVersion ?? null,
          streamlink_version: resolvers?.streamlink ?? null,
          ytdlp_version: resolvers?.ytdlp ?? null,
          hardware_acceleration: {
            enabled: hardware !== undefined,
            type: hardware?.type ?? null,
            device: hardware?.device ?? null,
            ffmpeg_args: [],
          },
          // Clients read from here whether streams are shared; they are, with or without Redis.
          redis: {
            enabled: facts.clustered ?? false,
            pooling_enabled: facts.sharingStrategy !== 'disabled',
            max_clients_per_stream: facts.maxClientsPerSharedStream,
            stream_timeout: seconds(facts.sharedStreamTimeoutMs),
            sharing_strategy: facts.sharingStrategy,
          },
          transcoding: {
            enabled: ffmpegVersion !== undefined,
            profiles: Object.fromEntries(
              transcode.listProfiles().map(({ name, description }) => [name, description]),
            ),
          },
          configuration: {
            default_user_agent: config.defaultUserAgent,
            client_timeout: seconds(facts.clientTimeoutMs),
            stream_timeout: seconds(facts.streamTimeoutMs),
            cleanup_interval: seconds(facts.cleanupIntervalMs),
          },
          worker: {
            worker_id: nodeId,
            heartbeat_interval: seconds(facts.heartbeatIntervalMs),
            multi_worker_mode: facts.clustered ?? false,
          },
        };
      },
    }),
    route({
      method: 'get',
      path: '/transcode/profiles',
      access: 'token',
      tag: 'Streams',
      summary: 'List transcoding profiles',
      answers: { 200: { description: 'Profiles', schema: profilesAnswer } },
      handle() {
        const { hardware } = transcode.abilities();
        return {
          profiles: transcode.listProfiles(),
          hardware_acceleration: { available: hardware !== undefined, type: hardware?.type ?? null },
          default_variables: transcode.defaultVariables(),
        };
      },
    }),
    route({
      method: 'get',
      path: '/validate-cookies-file',
      access: 'token',
      scope: 'manage',
      tag,
      summary: 'Whether a file can be used as `cookies_path`',
      query: cookiesFileQuery,
      answers: { 200: { description: 'Whether it can, and why not', schema: cookiesFileAnswer } },
      async handle({ query }) {
        try {
          await services.pages?.cookiesIn(query.path);
        } catch (error) {
          if (!isStreampoolError(error, 'COOKIES_NOT_READABLE')) throw error;
          return { valid: false, message: error.message };
        }
        return services.pages
          ? { valid: true, message: 'The file holds cookies that can be used' }
          : { valid: false, message: 'Pages are not looked at here' };
      },
    }),
    route({
      method: 'post',
      path: '/test-connection',
      access: 'token',
      tag,
      summary: 'Whether this server reaches a URL',
      body: testConnectionBody,
      answers: { 200: { description: 'Whether it does, and why not', schema: testConnectionAnswer } },
      handle: ({ body }) => testConnection(body.url, probe),
    }),
  ];
}

async function withDeadline(step: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(new StreampoolError('STATE_UNAVAILABLE', `The state store did not answer within ${ms} ms`)),
      ms,
    );
  });
  try {
    await Promise.race([step, late]);
  } finally {
    clearTimeout(timer);
  }
}
