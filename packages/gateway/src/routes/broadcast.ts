import { StreampoolError } from '@streampool/errors';
import { redactText, redactUrl } from '@streampool/redaction';
import type { StreamDefinition } from '@streampool/state';
import { networkDefinition, networkStreamId, programmeTemplate } from '../broadcast/network-definition.ts';
import { hlsStreamOf } from '../hls/hls-stream.ts';
import { type Route, route } from '../http/route.ts';
import {
  broadcastList,
  broadcastRemoved,
  broadcastStatus,
  broadcastStopped,
  networkNumberParams,
  networkParams,
  networkSegmentParams,
  startBody,
} from '../schemas/broadcast.ts';
import { playlistQuery, viewerQuery } from '../schemas/viewer-query.ts';
import { redactLabels } from '../streams/shown.ts';
import { HLS_ERRORS } from './hls.ts';
import type { Services } from './services.ts';

/** What the node that plays a network says of it; see the package broadcast. */
interface Told {
  readonly status: 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';
  readonly startedAtMs: number;
  readonly currentSegment: number;
  readonly folder: string;
  readonly pid?: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly bytesWritten: number;
}

const STATUS = 'status.json';
const LABEL = ['broadcast', 'true'] as const;

/** Networks: channels made of programmes, and recordings. What their viewers get, the HLS door serves. */
export function broadcastRoutes(services: Services): Route[] {
  const { state, transcode, config, hls: edge, webhooks } = services;
  if (!edge) return [];

  const known = async (network: string): Promise<StreamDefinition> => {
    const definition = await state.getDefinition(networkStreamId(network));
    if (!definition?.programme)
      throw new StreampoolError('BROADCAST_NOT_FOUND', 'There is no network of this name');
    return definition;
  };
  const streamOf = (definition: StreamDefinition) => hlsStreamOf(definition, config.defaultUserAgent);
  /** `settled`: not before it is clear whether it can be played. */
  const ask = async (definition: StreamDefinition, { settled = false } = {}): Promise<Told> => {
    const query = new URLSearchParams(settled ? { settled: '1' } : {});
    const signal = AbortSignal.timeout(2 * config.facts.streamTimeoutMs);
    const { answer } = await edge.answer(streamOf(definition), { path: STATUS, query }, signal);
    return JSON.parse((await wholeBody(answer.body)).toString()) as Told;
  };
  const shown = (definition: StreamDefinition, told: Told) => ({
    network_id: definition.programme?.network ?? '',
    status: told.status,
    current_segment_number: told.currentSegment,
    started_at: new Date(told.startedAtMs).toISOString(),
    stream_url: redactUrl(definition.url),
    ffmpeg_pid: told.pid ?? null,
    error_message: told.error ? redactText(told.error.message) : null,
    bytes_written: told.bytesWritten,
    stream_id: definition.id,
    hls_dir: told.folder,
    metadata: redactLabels(definition.metadata),
  });

  return [
    route({
      method: 'post',
      path: '/broadcast/{network}/start',
      access: 'token',
      tag: 'Broadcast',
      summary: 'Show a programme on a network, or record it',
      description:
        'The network goes on in one playlist from programme to programme; what it showed until now ends. The programme goes on ' +
        'at its time when its worker dies. Answers once its first bytes have come.',
      params: networkParams,
      body: startBody,
      errors: [
        'TEMPLATE_INVALID',
        'FFMPEG_MISSING',
        'CAPACITY_EXHAUSTED',
        'NODE_UNREACHABLE',
        'STREAM_FAILED',
        'UPSTREAM_ADDRESS_FORBIDDEN',
      ],
      answers: { 200: { description: 'What became of it', schema: broadcastStatus } },
      async handle({ params: { network }, body }) {
        // Said now, as of webhooks, and not when the programme is over and nobody is told.
        const refusal = body.callback_url == null ? undefined : webhooks?.refusalOf(body.callback_url);
        if (refusal)
          throw new StreampoolError('UPSTREAM_ADDRESS_FORBIDDEN', `callback_url: ${refusal.message}`, {
            status: 422,
          });
        const resolved = transcode.resolve({ profile: programmeTemplate(body), variables: {} });
        const before = await state.getDefinition(networkStreamId(network));
        const definition = networkDefinition(network, body, resolved, { nowMs: Date.now(), before });
        await state.putStream(definition);
        const told = await ask(definition, { settled: true });
        if (told.status === 'failed')
          throw new StreampoolError(
            'STREAM_FAILED',
            redactText(told.error?.message ?? 'it cannot be played'),
          );
        return shown(definition, told);
      },
    }),
    route({
      method: 'post',
      path: '/broadcast/{network}/stop',
      access: 'token',
      tag: 'Broadcast',
      summary: 'End what a network shows; its files stay for a while, those of recordings for good',
      params: networkParams,
      errors: ['BROADCAST_NOT_FOUND', 'NODE_UNREACHABLE'],
      answers: { 200: { description: 'Where it ended', schema: broadcastStopped } },
      async handle({ params: { network } }) {
        const before = await known(network);
        const definition = stopped(before);
        await state.putStream(definition);
        const { currentSegment, status } = await ask(definition);
        return {
          ...{ message: 'Broadcast stopped', network_id: network, status },
          final_segment_number: currentSegment,
        };
      },
    }),
    route({
      method: 'get',
      path: '/broadcast',
      access: 'token',
      tag: 'Broadcast',
      summary: 'The networks',
      answers: { 200: { description: 'In the order of last access', schema: broadcastList } },
      async handle() {
        const records = await state.findByMetadata(...LABEL);
        const broadcasts = await Promise.all(
          records.map(async ({ id }) => {
            const definition = await state.getDefinition(id);
            return definition?.programme ? [shown(definition, await ask(definition))] : [];
          }),
        );
        return { broadcasts: broadcasts.flat(), count: broadcasts.flat().length };
      },
    }),
    route({
      method: 'get',
      path: '/broadcast/{network}/status',
      access: 'token',
      tag: 'Broadcast',
      summary: 'What a network shows',
      params: networkParams,
      errors: ['BROADCAST_NOT_FOUND', 'NODE_UNREACHABLE'],
      answers: { 200: { description: 'As its worker says', schema: broadcastStatus } },
      async handle({ params: { network } }) {
        const definition = await known(network);
        return shown(definition, await ask(definition));
      },
    }),
    route({
      method: 'get',
      path: '/broadcast/{network}/live.m3u8',
      access: 'viewer',
      tag: 'Broadcast',
      summary: 'Watch a network',
      params: networkParams,
      quiet: true,
      query: playlistQuery,
      errors: ['BROADCAST_NOT_FOUND', ...HLS_ERRORS],
      answers: {
        200: { description: 'A live playlist', contentType: 'application/vnd.apple.mpegurl' },
        307: { description: 'Where a worker serves it instead (EDGE_MODE=redirect)' },
      },
    }),
    route({
      method: 'get',
      path: '/broadcast/{network}/segment/{file}',
      access: 'viewer',
      tag: 'Broadcast',
      summary: 'A segment of a network’s playlist',
      params: networkSegmentParams,
      quiet: true,
      query: viewerQuery,
      errors: ['BROADCAST_NOT_FOUND', ...HLS_ERRORS],
      answers: { 200: { description: 'A transport stream', contentType: 'video/mp2t' } },
    }),
    route({
      method: 'get',
      path: '/broadcast/{network}/live{number}.ts',
      access: 'viewer',
      tag: 'Broadcast',
      summary: 'The same by the mere name that the playlist has it under',
      params: networkNumberParams,
      quiet: true,
      query: viewerQuery,
      errors: ['BROADCAST_NOT_FOUND', ...HLS_ERRORS],
      answers: { 200: { description: 'A transport stream', contentType: 'video/mp2t' } },
    }),
    route({
      method: 'delete',
      path: '/broadcast/{network}',
      access: 'token',
      tag: 'Broadcast',
      summary: 'End a network and remove its files',
      params: networkParams,
      errors: ['BROADCAST_NOT_FOUND', 'NODE_UNREACHABLE'],
      answers: { 200: { description: 'It is gone', schema: broadcastRemoved } },
      async handle({ params: { network } }) {
        const before = stopped(await known(network));
        const definition = { ...before, programme: { ...before.programme!, removed: true } };
        await state.putStream(definition);
        await ask(definition);
        await state.removeStream(definition.id);
        await services.engine.stop(definition.id);
        return { message: `Broadcast ${network} cleaned up successfully` };
      },
    }),
  ];
}

function stopped(definition: StreamDefinition): StreamDefinition {
  const { programme } = definition;
  if (!programme || programme.stoppedAtMs !== undefined) return definition;
  return { ...definition, programme: { ...programme, stoppedAtMs: Date.now() } };
}

async function wholeBody(body: Buffer | { open(): AsyncIterable<Buffer> }): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body;
  const parts: Buffer[] = [];
  for await (const part of body.open()) parts.push(part);
  return Buffer.concat(parts);
}
