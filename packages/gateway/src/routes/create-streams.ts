import { type ErrorCode, StreampoolError } from '@streampool/errors';
import { redactText, redactUrl } from '@streampool/redaction';
import type { StreamDefinition } from '@streampool/state';
import { type Call, type Route, route } from '../http/route.ts';
import {
  type CreateStreamBody,
  type CreateTranscodeBody,
  createStreamBody,
  createTranscodeBody,
} from '../schemas/stream-requests.ts';
import { streamCreated, transcodeCreated } from '../schemas/stream-responses.ts';
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

export function createRoutes(services: Services): Route[] {
  const { state, config, signer, transcode } = services;

  /** @throws StreampoolError RESOLVER_MISSING, RESOLVER_ARGUMENT_FORBIDDEN */
  const pageOf = async ({
    resolver: name,
    resolver_args,
    cookies,
  }: CreateTranscodeBody): Promise<PageChoice | undefined> => {
    if (!name) return undefined;
    if (!services.pages) throw new StreampoolError('RESOLVER_MISSING', `${name} is not installed here`);
    const args = resolver_args?.trim() || 'best';
    await services.pages.check(name, args);
    return { name, args, ...(cookies?.trim() && { cookies: services.pages.seal(cookies) }) };
  };

  /** What both kinds of creation answer. */
  const created = (definition: StreamDefinition, body: CreateStreamBody | CreateTranscodeBody) => {
    const endpoint = `/stream/${definition.id}${signer.query(definition.id)}`;
    return {
      stream_id: definition.id,
      primary_url: redactUrl(definition.url),
      failover_urls: definition.failoverUrls.map(redactUrl),
      user_agent: definition.userAgent ?? config.defaultUserAgent,
      stream_endpoint: endpoint,
      direct_url: endpoint,
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
          playlist_url: answer.stream_endpoint,
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
        'All viewers of the same URL, profile, variables and headers share one FFmpeg, which starts with the first viewer.',
      body: createTranscodeBody,
      errors: [...TEMPLATE_ERRORS, 'RESOLVER_MISSING', 'RESOLVER_ARGUMENT_FORBIDDEN'],
      answers: { 200: { description: 'The stream and where to watch it', schema: transcodeCreated } },
      async handle({ body, context }) {
        const page = await pageOf(body);
        const resolved = transcode.resolve({
          profile: body.profile ?? (page ? COPY : 'default'),
          variables: body.profile_variables ?? {},
          ...(body.output_format && { outputFormat: body.output_format }),
        });
        const definition = transcodeDefinition(body, resolved, options(), page);
        const { created: isNew } = await keep(definition, context.log);
        return {
          ...created(definition, body),
          stream_type: page ? 'resolver' : 'transcoded',
          ...(page && { resolver: page.name, resolver_args: redactText(page.args) }),
          playlist_url: null,
          format: resolved.format,
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
