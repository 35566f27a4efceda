import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import {
  mediaRefusal,
  mediaTypeOf,
  parseContentRange,
  resourceKind,
  type UpstreamClient,
  type UpstreamResponse,
  type UpstreamTimeouts,
} from '@streampool/upstream';
import type { StreamSpec } from '../engine-api.ts';
import { providerRefusal } from './provider-refusal.ts';

/**
 * Answers HEAD. A continuous stream is answered without asking the provider: a look must not cost one of its
 * connections. A file's size and validators are asked for, by a GET of one byte where the provider refuses HEAD.
 * @throws StreampoolError as opening the stream would
 */
export async function answerHead(
  spec: StreamSpec,
  req: IncomingMessage,
  res: ServerResponse,
  options: { client: UpstreamClient; timeouts: UpstreamTimeouts },
  signal: AbortSignal,
): Promise<void> {
  if (resourceKind(spec.target.url) !== 'file') {
    const contentType = mediaTypeOf(undefined, spec.target.url, spec.contentType);
    res
      .writeHead(200, { 'Content-Type': contentType, 'Accept-Ranges': 'none', 'Cache-Control': 'no-store' })
      .end();
    return;
  }
  const { client, timeouts } = options;
  let response = await client.open({ ...spec.target, method: 'HEAD' }, { timeouts, signal });
  response.close();
  await response.closed;
  if (response.status !== 200) {
    response = await client.open({ ...spec.target, range: 'bytes=0-0' }, { timeouts, signal });
    response.close();
    await response.closed;
  }
  const refusal = providerRefusal(response) ?? mediaRefusal(response.headers['content-type']);
  if (refusal) throw refusal;
  if (!req.destroyed && !res.destroyed) res.writeHead(200, fileHeaders(response, spec)).end();
}

function fileHeaders(response: UpstreamResponse, spec: StreamSpec): OutgoingHttpHeaders {
  const { headers } = response;
  const partial = response.status === 206;
  const size = partial ? parseContentRange(headers['content-range'])?.total : declaredLength(headers);
  return {
    'Content-Type': mediaTypeOf(headers['content-type'], response.url, spec.contentType),
    ...(size === undefined ? {} : { 'Content-Length': size }),
    ...(partial ? { 'Accept-Ranges': 'bytes' } : {}),
    ...(headers['accept-ranges'] === undefined ? {} : { 'Accept-Ranges': headers['accept-ranges'] }),
    ...(headers.etag === undefined ? {} : { ETag: headers.etag }),
    ...(headers['last-modified'] === undefined ? {} : { 'Last-Modified': headers['last-modified'] }),
    ...(headers['content-disposition'] === undefined
      ? {}
      : { 'Content-Disposition': headers['content-disposition'] }),
  };
}

function declaredLength(headers: Readonly<Record<string, string>>): number | undefined {
  const length = headers['content-length'];
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}
