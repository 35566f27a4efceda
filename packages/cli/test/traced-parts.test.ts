import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Span, Tracer } from '@streampool/tracing';
import { tracedNodeDoor } from '../src/tracing/traced-parts.ts';

/** Says what was opened and ended, in order. */
function recorder(): { tracer: Tracer; said: string[] } {
  const said: string[] = [];
  const tracer: Tracer = {
    open(name) {
      said.push(`open ${name}`);
      let isOver = false;
      const span: Span = {
        traceparent: undefined,
        set() {},
        run: (work) => work(),
        end(error) {
          if (isOver) return;
          isOver = true;
          said.push(`end ${name}${error ? ` ${(error as { code: string }).code}` : ''}`);
        },
      };
      return span;
    },
    close: () => Promise.resolve(),
  };
  return { tracer, said };
}

/** What another node's request becomes, step by step. */
async function ask(path: string, status: number): Promise<string[]> {
  const { tracer, said } = recorder();
  const arrived = Promise.withResolvers<{ req: IncomingMessage; res: ServerResponse }>();
  const door = tracedNodeDoor(
    {
      serve(req, res) {
        arrived.resolve({ req, res });
        return true;
      },
    },
    tracer,
  );
  const server = createServer((req, res) => door.serve(req, res)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const request = get({ port, path, headers: { traceparent: '00-a-b-01' }, agent: false });
  const { res } = await arrived.promise;
  res.writeHead(status);
  res.flushHeaders();
  said.push('head');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  res.end('body');
  await once(response.resume(), 'close');
  await (res.closed ? undefined : once(res, 'close'));
  server.close();
  return said;
}

test('the span of a segment for another node ends when that has it, that of a relay when it begins', async () => {
  expect(await ask('/internal/hls/s/segment/1.ts', 200)).toEqual([
    ...['open node hls request', 'head', 'end node hls request'],
  ]);
  expect(await ask('/internal/streams/s/relay', 200)).toEqual([
    ...['open node request', 'end node request', 'head'],
  ]);
});

test('a refusal is told, and what nobody traces has no span', async () => {
  expect(await ask('/internal/hls/s/segment/1.ts', 404)).toContain('end node hls request 404');
  expect(await ask('/internal/workers', 200)).toEqual(['head']);
});
