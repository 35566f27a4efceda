import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serverSentEvents } from '../src/api/event-source.ts';
import { eventsCommand } from '../src/commands/events.ts';

function event(n: number): string {
  const data = { event_id: `${n}`, event_type: 'stream_failed', stream_id: 's1', data: { reason: 'x', n } };
  const shown = { ...data, timestamp: '2026-11-21T19:06:40.123Z' };
  return `id: ${n}\nevent: stream_failed\ndata: ${JSON.stringify(shown)}\n\n`;
}

test('what happens is printed line by line, also over an end of the server, from where it was', async () => {
  const asked: string[] = [];
  const answers = [
    (res: ServerResponse) =>
      res.end(`retry: 2000\n\n${event(1)}: comment\n\n${event(2)}event: end\ndata: {}\n\n`),
    (res: ServerResponse) => res.writeHead(503).end('{"code":"SHUTTING_DOWN"}'),
    (res: ServerResponse) => res.write(`event: events_lost\nid: 2\ndata: {}\n\n${event(3)}`),
  ];
  const server = createServer((req, res) => {
    asked.push(req.url ?? '');
    answers[asked.length - 1]?.(res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const done = new AbortController();
  const lines: string[] = [];
  const write = (line: string): boolean => {
    lines.push(line);
    if (lines.length === 4) done.abort();
    return true;
  };
  const output = { write, on: () => undefined } as never;
  const sleep = async (): Promise<void> => {};
  await eventsCommand(
    { url, types: 'stream_failed', stream: 's1' },
    { output, signal: done.signal, sleep, now: Date.now },
  );
  expect(lines).toEqual([
    '19:06:40.123  stream_failed         s1  reason=x  n=1\n',
    '19:06:40.123  stream_failed         s1  reason=x  n=2\n',
    '(some events are not kept any more)\n',
    '19:06:40.123  stream_failed         s1  reason=x  n=3\n',
  ]);
  expect(asked).toEqual([
    '/events?event_types=stream_failed&stream_id=s1',
    '/events?event_types=stream_failed&stream_id=s1&last_event_id=2',
    '/events?event_types=stream_failed&stream_id=s1&last_event_id=2',
  ]);
  server.closeAllConnections();
  server.close();
});

test('a server that is not there, or wants a token, is said at once', async () => {
  const surroundings = {
    ...{ output: { write: () => true, on: () => undefined } as never, now: Date.now },
    ...{ signal: new AbortController().signal, sleep: async () => {} },
  };
  await expect(eventsCommand({ url: 'http://127.0.0.1:9' }, surroundings)).rejects.toMatchObject({
    code: 'NO_ANSWER',
  });
});

test('a token that is good for nothing any more is said at once, and not tried again', async () => {
  let asked = 0;
  const server = createServer((_req, res) => {
    asked += 1;
    res.setHeader('Connection', 'close');
    if (asked > 1) res.statusCode = 403;
    res.end(asked === 1 ? event(1) : JSON.stringify({ code: 'TOKEN_WRONG', detail: 'Invalid API token' }));
    if (asked === 3) done.abort();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const done = new AbortController();
  const surroundings = {
    ...{ output: { write: () => true, on: () => undefined } as never, now: Date.now },
    ...{ signal: done.signal, sleep: async () => {} },
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(eventsCommand({ url }, surroundings)).rejects.toMatchObject({ code: 'TOKEN_WRONG' });
  expect(asked).toBe(2);
  server.close();
});

test('messages are found however the body is cut', async () => {
  const text = `${event(1)}: x\n\nretry: 5\n\ndata: a\ndata: b\n\n${event(2)}`;
  for (const size of [1, 7, 1_000]) {
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let from = 0; from < text.length; from += size)
        yield new TextEncoder().encode(text.slice(from, from + size));
    }
    const heard: string[] = [];
    for await (const { id, event: type, data } of serverSentEvents(body()))
      heard.push(id === '' ? `${type} ${data}` : id);
    expect(heard).toEqual(['1', 'message a\nb', '2']);
  }
});
