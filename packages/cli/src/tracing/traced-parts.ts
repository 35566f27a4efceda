import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NodeDoor } from '@streampool/gateway';
import type { Ownership } from '@streampool/streaming';
import { NO_TRACER, type Tracer, traced } from '@streampool/tracing';
import type { UpstreamClient } from '@streampool/upstream';

/** The same, with a span for each time that somebody asks who owns a stream. */
export function tracedOwnership(ownership: Ownership, tracer: Tracer): Ownership {
  if (tracer === NO_TRACER) return ownership;
  return {
    acquire: (streamId, how) =>
      traced(tracer, 'ownership acquire', { attributes: { 'stream.id': streamId } }, async (span) => {
        const place = await ownership.acquire(streamId, how);
        span.set({ here: place.here, epoch: place.epoch, ...(!place.here && { owner: place.owner }) });
        return place;
      }),
  };
}

/** The same, with a span from a request of the provider to the head of its answer. The provider's name is all that it says of where. */
export function tracedUpstream<Client extends UpstreamClient>(client: Client, tracer: Tracer): Client {
  if (tracer === NO_TRACER) return client;
  const open: UpstreamClient['open'] = (request, options) => {
    const attributes = {
      'http.request.method': request.method ?? 'GET',
      'server.address': hostOf(request.url),
    };
    return traced(tracer, 'upstream open', { kind: 'client', attributes }, async (span) => {
      const response = await client.open(request, options);
      span.set({ 'http.response.status_code': response.status });
      return response;
    });
  };
  return new Proxy(client, {
    get(target, name) {
      if (name === 'open') return open;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const INTERNAL = /^\/internal\/(streams|hls)\//;

/** The same, with a span for what another node wants of a stream, which goes on the trace of that node. */
export function tracedNodeDoor(door: NodeDoor, tracer: Tracer): NodeDoor {
  if (tracer === NO_TRACER) return door;
  return {
    serve(req, res) {
      const what = INTERNAL.exec(req.url ?? '')?.[1];
      const parent = req.headers.traceparent;
      // Without a caller's span it would be one trace per segment that somebody fetches.
      if (what === undefined || typeof parent !== 'string') return door.serve(req, res);
      const span = tracer.open(what === 'streams' ? 'node request' : 'node hls request', {
        kind: 'server',
        parent,
        attributes: callerOf(req),
      });
      const end = (): void => span.end(res.statusCode >= 400 ? { code: `${res.statusCode}` } : undefined);
      res.once('close', end);
      // A relay goes on for hours, and collectors see a span when it ends: its span is that of its opening.
      if (what === 'streams') atHead(res, end);
      return span.run(() => door.serve(req, res));
    },
  };
}

function atHead(res: ServerResponse, then: () => void): void {
  const writeHead = res.writeHead.bind(res);
  res.writeHead = ((...head: Parameters<typeof writeHead>) => {
    const written = writeHead(...head);
    then();
    return written;
  }) as typeof res.writeHead;
}

function callerOf(req: IncomingMessage): Record<string, string> {
  const node = req.headers['x-streampool-node'];
  return typeof node === 'string' ? { 'caller.node': node } : {};
}

function hostOf(url: string): string {
  try {
    return new URL(url).hostname;
  } catch {
    return 'none';
  }
}
