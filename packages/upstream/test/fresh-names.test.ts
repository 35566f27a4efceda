import type { LookupAddress, lookup } from 'node:dns';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpUpstreamClient } from '../src/index.ts';
import { FreshNames } from '../src/socket/fresh-names.ts';
import { collect, TIMEOUTS } from './collect.ts';
import { wireServer } from './wire-server.ts';

type Answer = (error: Error | null, addresses: LookupAddress[]) => void;

/** A system that knows these addresses of every name. */
const system = (...addresses: string[]) =>
  ((_name: string, _options: object, callback: Answer) => {
    if (addresses.length === 0) callback(new Error('ENOTFOUND'), []);
    else
      callback(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      );
  }) as unknown as typeof lookup;

const servers = (...addresses: string[]) => {
  const asked: string[] = [];
  const ask = async (name: string, family: 4 | 6): Promise<string[]> => {
    asked.push(`${name} ${family}`);
    return family === 4 ? addresses : [];
  };
  return { asked, ask };
};

function resolve(names: FreshNames, hostname: string): Promise<string[]> {
  return new Promise((done, fail) => {
    (names.lookup as unknown as (name: string, options: object, callback: Answer) => void)(
      hostname,
      { family: 0 },
      (error, found) => (error ? fail(error) : done(found.map(({ address }) => address))),
    );
  });
}

test('what the name servers say now goes before what the system remembers', async () => {
  const { ask, asked } = servers('192.0.2.2');
  const names = new FreshNames({ lookup: system('192.0.2.1'), ask });
  expect(await resolve(names, 'tv.example')).toEqual(['192.0.2.2', '192.0.2.1']);
  expect(asked).toEqual(['tv.example 4', 'tv.example 6']);
});

test('the address that was connected last is the last one to be tried', async () => {
  const names = new FreshNames({ lookup: system('192.0.2.1', '192.0.2.2'), ask: servers().ask });
  names.connected('tv.example', '192.0.2.1');
  expect(await resolve(names, 'tv.example')).toEqual(['192.0.2.2', '192.0.2.1']);
  expect(await resolve(names, 'other.example')).toEqual(['192.0.2.1', '192.0.2.2']);
});

test('silent name servers, and those that know nothing, leave it to the system', async () => {
  const silent = new FreshNames({ lookup: system('192.0.2.1'), ask: () => new Promise(() => {}) });
  expect(await resolve(silent, 'tv.example')).toEqual(['192.0.2.1']);
  const refused = new FreshNames({ lookup: system('192.0.2.1'), ask: () => Promise.reject(new Error('x')) });
  expect(await resolve(refused, 'tv.example')).toEqual(['192.0.2.1']);
  await expect(
    resolve(new FreshNames({ lookup: system(), ask: servers().ask }), 'tv.example'),
  ).rejects.toThrow();
});

test('names of the hosts file and of the local network are the system’s', async () => {
  const hostsFile = join(tmpdir(), `hosts-${process.pid}`);
  await writeFile(hostsFile, '# a comment\n10.1.1.1\tTV.example  tv # mine\n');
  const { ask, asked } = servers('192.0.2.2');
  const names = new FreshNames({ lookup: system('10.1.1.1'), ask, hostsFile });
  for (const name of ['tv.example', 'm3u-editor', 'tuner.local'])
    expect(await resolve(names, name)).toEqual(['10.1.1.1']);
  expect(asked).toEqual([]);
});

test('a connection that is opened afresh goes where the name servers say, and the guard still decides', async () => {
  const server = await wireServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nab'));
  const names = { lookup: system('192.0.2.1'), ask: servers('127.0.0.1').ask };
  const request = { url: `http://tv.example:${server.port}/`, headers: {} };
  const client = new HttpUpstreamClient({ names });
  const response = await client.open(request, { ...TIMEOUTS, fresh: true });
  expect((await collect(response)).body.toString()).toBe('ab');
  const guarded = new HttpUpstreamClient({
    names: { ...names, lookup: system('127.0.0.1') },
    policy: { access: 'public' },
  });
  await expect(guarded.open(request, { ...TIMEOUTS, fresh: true })).rejects.toMatchObject({
    code: 'UPSTREAM_ADDRESS_FORBIDDEN',
  });
});

test('a POST carries its body, and a redirect of it is the answer', async () => {
  const server = await wireServer((socket, head) => {
    const reply = (): void => {
      socket.end(
        head.startsWith('POST /moved')
          ? 'HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n'
          : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      );
    };
    if (head.includes('{"a":1}')) reply();
    else
      socket.once('data', (body: Buffer) => {
        server.requests.push(body.toString());
        reply();
      });
  });
  const client = new HttpUpstreamClient();
  const post = { method: 'POST' as const, headers: { 'Content-Type': 'application/json' }, body: '{"a":1}' };
  const response = await client.open({ ...post, url: `${server.url}/` }, TIMEOUTS);
  expect((await collect(response)).body.toString()).toBe('ok');
  expect(server.requests.join('')).toMatch(/^POST \/ HTTP.*Content-Length: 7\r\n.*\{"a":1\}$/s);
  const moved = await client.open({ ...post, url: `${server.url}/moved` }, TIMEOUTS);
  expect(moved.status).toBe(302);
  moved.close();
});
