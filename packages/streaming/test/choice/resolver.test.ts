import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StreampoolError } from '@streampool/errors';
import { HttpUpstreamClient } from '@streampool/upstream';
import { NextUrlResolver } from '../../src/choice/resolver.ts';
import { keyOf, SourceList } from '../../src/choice/source-list.ts';

let answer: (req: IncomingMessage, res: ServerResponse, body: string) => void;
const server = createServer((req, res) => {
  let body = '';
  req.on('data', (chunk) => {
    body += chunk;
  });
  req.on('end', () => answer(req, res, body));
});

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function setup(options: { timeoutMs?: number; access?: 'public' | 'lan' } = {}) {
  const errors: StreampoolError[] = [];
  const resolver = new NextUrlResolver({
    client: new HttpUpstreamClient({ policy: { access: options.access ?? 'lan' } }),
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/next?token=1`,
    metadata: { channel: 'Fußball' },
    timeoutMs: options.timeoutMs ?? 2_000,
    onError: (error) => errors.push(error),
  });
  const error = new StreampoolError('UPSTREAM_STATUS', 'answered 404', { info: { upstreamStatus: 404 } });
  const ask = () => resolver.ask({ currentUrl: 'http://tv.example/u:p/1.ts', currentIndex: 2, error });
  return { ask, errors };
}

const says = (text: string, status = 200) => {
  answer = (_req, res) => res.writeHead(status).end(text);
};

test('it is told what was played and why it ended, and names the next URL', async () => {
  const told: unknown[] = [];
  answer = (req, res, body) => {
    told.push(req.method, req.url, req.headers['content-type'], JSON.parse(body));
    res.end('{"next_url":"http://b.example/2.ts"}');
  };
  const { ask } = setup();
  expect(await ask()).toBe('http://b.example/2.ts');
  expect(told).toEqual([
    'POST',
    '/next?token=1',
    'application/json',
    {
      current_url: 'http://tv.example/u:p/1.ts',
      metadata: { channel: 'Fußball' },
      current_failover_index: 2,
      status_code: 404,
      reason: 'UPSTREAM_STATUS',
    },
  ]);
});

test.each(['{"next_url":null}', '{}', ''])('%j: it knows none', async (text) => {
  says(text);
  const { ask, errors } = setup();
  expect(await ask()).toBeUndefined();
  expect(errors).toEqual([]);
});

test.each([
  ['a path', '{"next_url":"/etc/passwd"}', 'UPSTREAM_PROTOCOL'],
  ['a file', '{"next_url":"file:///etc/passwd"}', 'UPSTREAM_PROTOCOL'],
  ['no string', '{"next_url":7}', 'UPSTREAM_PROTOCOL'],
  ['a page', '<html>', 'UPSTREAM_PROTOCOL'],
  ['too much', `{"next_url":"${'x'.repeat(100_000)}"}`, 'UPSTREAM_PROTOCOL'],
])('%s is no answer', async (_what, text, code) => {
  says(text);
  const { ask, errors } = setup();
  expect(await ask()).toBeUndefined();
  expect(errors).toMatchObject([{ code }]);
});

test('while it is down its last answer stands', async () => {
  const { ask, errors } = setup({ timeoutMs: 200 });
  says('{"next_url":"http://b.example/2.ts"}');
  await ask();
  says('no', 500);
  expect(await ask()).toBe('http://b.example/2.ts');
  answer = () => {};
  const began = performance.now();
  expect(await ask()).toBe('http://b.example/2.ts');
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(errors).toHaveLength(2);
});

test('it is asked only where sources may be', async () => {
  says('{"next_url":"http://b.example/2.ts"}');
  const { ask, errors } = setup({ access: 'public' });
  expect(await ask()).toBeUndefined();
  expect(errors).toMatchObject([{ code: 'UPSTREAM_ADDRESS_FORBIDDEN' }]);
});

test('sources keep their index; named ones come after them and make way for later ones', () => {
  const target = (url: string) => ({ url, headers: { a: '1' } });
  const list = new SourceList([target('http://a/'), target('http://b/')]);
  expect(list.put('http://b/', 0)).toEqual({ index: 1, isNew: false });
  expect(list.put('http://c/', 0)).toEqual({ index: 2, isNew: true });
  expect(list.put('http://c/', 0)).toEqual({ index: 2, isNew: false });
  expect(list.at(2)).toEqual(target('http://c/'));
  for (let n = 0; n < 7; n += 1) list.put(`http://d${n}/`, 2);
  // The one that plays is not overwritten.
  expect(list.put('http://e/', 2)).toEqual({ index: 3, isNew: true });
  expect(list.at(2).url).toBe('http://c/');
});

test('an index that plays but was never given is passed over', () => {
  const list = new SourceList([{ url: 'http://a/', headers: {} }]);
  expect(list.put('http://b/', 1).index).toBe(2);
  expect(list.put('http://c/', 1).index).toBe(3);
  expect(list.put('http://b/', 1)).toEqual({ index: 2, isNew: false });
});

test('a source is named without its credentials, and by how it is asked', () => {
  const target = { url: 'http://user:secret@tv.example/live/secret.ts', headers: { b: '2', a: '1' } };
  expect(keyOf(target)).toMatch(/^[0-9a-f]{32}$/);
  expect(keyOf({ ...target, headers: { a: '1', b: '2' } })).toBe(keyOf(target));
  expect(keyOf({ ...target, userAgent: 'x' })).not.toBe(keyOf(target));
});
