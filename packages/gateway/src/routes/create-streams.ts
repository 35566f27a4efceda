import { type ErrorCode, StreampoolError } from '@streampool/errors';
import { redactText, redactUrl } from '@streampool/redaction';
import type { StreamDefinition } from '@streampool/state';
import { hasPlaylist, isProxiedHls } from '../hls/hls-stream.ts';
import { type Call, type Route, route } from '../http/route.ts';
import {
  type CreateStreamBody,
  type CreateTranscodeBody,
  createStreamBody,
  createTranscodeBody,
} from '../schemas/stream-requests.ts';
import { streamCreated, transcodeCreated } from '../schemas/stream-responses.ts';
import { distinctRungs, ladderDefinition, type Rung, rungOf } from '../streams/create-ladder.ts';
import { type PageChoice, streamDefinition, transcodeDefinition } from '../streams/create-stream.ts';
import { redactLabels } from '../streams/shown.ts';
import type { Services } from './services.ts';

const TEMPLATE_ERRORS: readonly ErrorCode[] = [
  'PROFILE_UNKNOWN',
  'TEMPLATE_INVALID',
  'TEMPLATE_VARIABLE_UNKNOWN',
  'TEMPLATE_VARIABLE_INVALID',
  'TEMPLATE_OUTPUT_FORBIDDEN',
  'TEMPLATE_INPUT_FORBIDDEN',
  'TEMPLATE_PROTOCOL_FORBIDDEN',
  'TEMPLATE_OPTION_FORBIDDEN',
  'FFMPEG_MISSING',
];

/** What is on a page goes out as it comes in, where nobody asks for more. */
const COPY = '-c copy -f mpegts';

function isHlsFormat(body: CreateStreamBody | CreateTranscodeBody): boolean {
  return 'output_format' in body && /^(?:hls|m3u8)$/.test(body.output_format ?? '');
}

export function createRoutes(services: Services): Route[] {
  const { state, config, signer, transcode } = services;

  /** @throws StreampoolError RESOLVER_MISSING, RESOLVER_ARGUMENT_FORBIDDEN, COOKIES_NOT_READABLE */
  const pageOf = async ({
    resolver: name,
    resolver_args,
    cookies: given,
    cookies_path: path,
  }: CreateTranscodeBody): Promise<PageChoice | undefined> => {
    if (!name) return undefined;
    if (!services.pages) throw new StreampoolError('RESOLVER_MISSING', `${name} is not installed here`);
    const args = resolver_args?.trim() || 'best';
    await services.pages.check(name, args);
    const cookies = given?.trim() || !path ? given : await services.pages.cookiesIn(path);
    return { name, args, ...(cookies?.trim() && { cookies: services.pages.seal(cookies) }) };
  };

  /** What both kinds of creation answer. */
  const created = (definition: StreamDefinition, body: CreateStreamBody | CreateTranscodeBody) => {
    const signature = signer.query(definition.id);
    const direct = `/stream/${definition.id}${signature}`;
    const playlist = hasPlaylist(definition) ? `/hls/${definition.id}/playlist.m3u8${signature}` : null;
    // Whatever the provider or the caller calls HLS is asked for as HLS.
    const isHls = isProxiedHls(definition) || definition.variants !== undefined || isHlsFormat(body);
    return {
      stream_id: definition.id,
      primary_url: redactUrl(definition.url),
      failover_urls: definition.failoverUrls.map(redactUrl),
      user_agent: definition.userAgent ?? config.defaultUserAgent,
      stream_endpoint: (isHls && playlist) || direct,
      playlist_url: playlist,
      direct_url: direct,
      ...(body.metadata && { metadata: redactLabels(body.metadata) }),
    };
  };

  const keep = async (definition: StreamDefinition, log: Call<never, never, never>['context']['log']) => {
    const result = await state.putStream(definition);
    log.info(
      {
        streamId: definition.id,
        kind: definition.kind,
        url: redactUrl(definition.url),
        created: result.created,
      },
      'stream defined',
    );
    return result;
  };

  /** A stream for each profile, and one that leads to them. */
  const createLadder = async (
    body: CreateTranscodeBody,
    profiles: readonly [string, ...string[]],
    page: PageChoice | undefined,
    log: Call<never, never, never>['context']['log'],
  ) => {
    const rungFor = (profile: string): Rung => {
      const resolved = transcode.resolve({ profile, variables: body.profile_variables ?? {} });
      return { resolved, definition: transcodeDefinition(body, resolved, options(), page) };
    };
    const [first, ...rest] = profiles;
    const rungs = distinctRungs([rungFor(first), ...rest.map(rungFor)]);
    const ladder = ladderDefinition(rungs, options());
    for (const { definition } of rungs)
      await keep(rungOf(definition, ladder.id, await state.getDefinition(definition.id)), log);
    const { created: isNew } = await keep(ladder, log);
    return {
      ...created(ladder, body),
      stream_type: page ? ('resolver' as const) : ('transcoded' as const),
      ...(page && { resolver: page.name, resolver_args: redactText(page.args) }),
      format: 'hls',
      profile: ladder.profile ?? '',
      profile_variables: redactLabels(Object.assign({}, ...rungs.map(({ resolved }) => resolved.variables))),
      ffmpeg_args: [],
      dropped_options: [],
      variants: rungs.map(({ definition, resolved }) => ({
        profile: resolved.profile,
        stream_id: definition.id,
        ffmpeg_args: resolved.args.map(redactText),
      })),
      message: `Transcoded stream ${isNew ? 'created' : 'updated'} successfully`,
    };
  };

  const options = () => ({ sharing: config.facts.sharingStrategy, nowMs: Date.now() });

  return [
    route({
      method: 'post',
      path: '/streams',
      access: 'token',
      tag: 'Streams',
      summary: 'Define a stream that is passed on as it is',
      description:
        'Nothing is opened until somebody watches. The same request again answers the same id; one that differs only in ' +
        'metadata, failover URLs or settings replaces those.',
      body: createStreamBody,
      answers: { 200: { description: 'The stream and where to watch it', schema: streamCreated } },
      async handle({ body, context }) {
        const definition = streamDefinition(body, options());
        const { created: isNew } = await keep(definition, context.log);
        const answer = created(definition, body);
        return {
          ...answer,
          stream_type: definition.streamType,
          playlist_url: answer.playlist_url ?? answer.stream_endpoint,
          message: `Stream ${isNew ? 'created' : 'updated'} successfully (${definition.streamType})`,
        };
      },
    }),
    route({
      method: 'post',
      path: '/transcode',
      access: 'token',
      tag: 'Streams',
      summary: 'Define a stream that FFmpeg converts',
      description:
        'All viewers of the same URL, profile, variables and headers share one FFmpeg, which starts with the first viewer. ' +
        'With several `profiles` the playlist at `playlist_url` lets players choose among them.',
      body: createTranscodeBody,
      errors: [...TEMPLATE_ERRORS, 'RESOLVER_MISSING', 'RESOLVER_ARGUMENT_FORBIDDEN', 'COOKIES_NOT_READABLE'],
      answers: { 200: { description: 'The stream and where to watch it', schema: transcodeCreated } },
      async handle({ body, context }) {
        const page = await pageOf(body);
        const [name, ...others] = body.profiles ?? [];
        if (name !== undefined && others.length > 0)
          return createLadder({ ...body, profile: null }, [name, ...others], page, context.log);
        const resolved = transcode.resolve({
          profile: body.profile ?? name ?? (page ? COPY : 'default'),
          variables: body.profile_variables ?? {},
          ...(body.output_format && { outputFormat: body.output_format }),
        });
        const definition = transcodeDefinition(body, resolved, options(), page);
        const { created: isNew } = await keep(definition, context.log);
        return {
          ...created(definition, body),
          stream_type: page ? 'resolver' : 'transcoded',
          ...(page && { resolver: page.name, resolver_args: redactText(page.args) }),
          format: isHlsFormat(body) ? 'hls' : resolved.format,
          profile: resolved.profile,
          profile_variables: redactLabels(resolved.variables),
          ffmpeg_args: resolved.args.map(redactText),
          dropped_options: resolved.dropped.map(({ option, reason }) => ({
            option: redactText(option),
            reason,
          })),
          message: `Transcoded stream ${isNew ? 'created' : 'updated'} successfully`,
        };
      },
    }),
  ];
}
