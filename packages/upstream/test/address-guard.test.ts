import type { LookupAddress, lookup } from 'node:dns';
import fc from 'fast-check';
import { AddressGuard, HttpUpstreamClient } from '../src/index.ts';
import { guardedLookup } from '../src/socket/guarded-lookup.ts';
import { collect, TIMEOUTS } from './collect.ts';
import { wireServer } from './wire-server.ts';

const REFUSED = { code: 'UPSTREAM_ADDRESS_FORBIDDEN' };
const strict = new AddressGuard({ access: 'public' });
const lan = new AddressGuard();
const any = new AddressGuard({ access: 'any' });

test.each([
  ...['127.0.0.1', '127.9.9.9', '10.1.2.3', '172.16.0.1', '192.168.1.1', '100.64.0.1', '0.0.0.0', '0.1.2.3'],
  ...[
    '240.0.0.1',
    '198.18.0.1',
    '::1',
    '::',
    'fd00::1',
    'fec0::1',
    '100::1',
    '2001:db8::1',
    '2001:0:1:2:3:4:5:6',
  ],
  ...[
    '::ffff:127.0.0.1',
    '::127.0.0.1',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::7f00:1',
    '2002:7f00:1::',
  ],
  ...['2001:470::5efe:a00:1', '2001:470::200:5efe:c0a8:1'],
])('%s is not public, but may be named by a stream', (address) => {
  expect(strict.refusal(address, 80)?.code).toBe('UPSTREAM_ADDRESS_FORBIDDEN');
  expect(lan.refusal(address, 80)).toBeUndefined();
});

test.each(['93.184.216.34', '2606:2800:220:1::1', '64:ff9b::5db8:d822', '2002:5db8:d822::1'])(
  '%s is public',
  (address) => {
    expect(strict.refusal(address, 80)).toBeUndefined();
  },
);

test.each([
  ...[
    '169.254.169.254',
    '169.254.1.1',
    'fe80::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
  ],
  ...['100.100.100.200', '168.63.129.16', '192.0.0.192', '224.0.0.1', 'ff02::1', '255.255.255.255'],
  ...[
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::169.254.169.254',
    '::ffff:0:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
  ],
  ...[
    '64:ff9b:1::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '2001:0:a9fe:a9fe::1',
    '2001:0:1:2:3:4:5601:5601',
    '2001:470::5efe:169.254.169.254',
  ],
])('%s is never reached, whatever the policy', (address) => {
  for (const guard of [strict, lan, any, any.toward('h', '1.1.1.1')])
    expect(guard.refusal(address, 80)?.code).toBe('UPSTREAM_ADDRESS_FORBIDDEN');
});

test('what is no address is refused, whatever it looks like', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 20 }).filter((text) => !/^[\d.:a-fx]+(%.*)?$/i.test(text)),
      (text) => {
        expect(any.refusal(text, 80)?.code).toBe('UPSTREAM_ADDRESS_FORBIDDEN');
      },
    ),
  );
});

test('own ports are refused by every spelling of this machine, until they are closed', () => {
  const guard = new AddressGuard({ access: 'any' });
  guard.refuseOwnPort(4000);
  for (const address of [
    '127.0.0.1',
    '127.0.0.2',
    '::1',
    '0.0.0.0',
    '::',
    '::ffff:127.0.0.1',
    '::127.0.0.1',
  ]) {
    expect(guard.refusal(address, 4000)?.code).toBe('UPSTREAM_ADDRESS_FORBIDDEN');
    expect(guard.refusal(address, 4001)).toBeUndefined();
  }
  expect(guard.refusal('192.0.2.1', 4000)).toBeUndefined();
  guard.allowOwnPort(4000);
  expect(guard.refusal('127.0.0.1', 4000)).toBeUndefined();
});

describe('what a source leads to is not further inside than the source', () => {
  const from = (host: string, to: string, guard = new AddressGuard()) =>
    guard.toward(to, host).refusalOfHost(to, 80)?.code;

  test.each([
    ['93.184.216.34', '192.168.1.1', false],
    ['93.184.216.34', '127.0.0.1', false],
    ['93.184.216.34', '93.184.216.35', true],
    ['192.168.1.1', '192.168.1.2', true],
    ['192.168.1.1', '127.0.0.1', false],
    ['192.168.1.1', '93.184.216.34', true],
    ['127.0.0.1', '192.168.1.1', true],
    ['127.0.0.1', '127.0.0.2', true],
    ['unknown.example', '192.168.1.1', false],
  ])('%s to %s: %s', (host, to, allowed) => {
    expect(from(host, to) === undefined).toBe(allowed);
    expect(from(host, to, any)).toBeUndefined();
  });

  test('a name counts as what it was connected to, and may not come inside later', () => {
    let now = 0;
    const guard = new AddressGuard({}, () => now);
    guard.connected('TV.example', '93.184.216.34');
    guard.connected('box.example', '192.168.1.1');
    expect(from('tv.example.', '192.168.1.1', guard)).toBe('UPSTREAM_ADDRESS_FORBIDDEN');
    expect(from('box.example', '192.168.1.1', guard)).toBeUndefined();
    expect(guard.toward('tv.example').refusal('192.168.1.1', 80)?.code).toBe('UPSTREAM_ADDRESS_FORBIDDEN');
    expect(guard.toward('box.example').refusal('192.168.1.1', 80)).toBeUndefined();
    expect(guard.toward('box.example').refusal('127.0.0.1', 80)?.code).toBe('UPSTREAM_ADDRESS_FORBIDDEN');
    now += 3_600_001;
    expect(guard.toward('tv.example').refusal('192.168.1.1', 80)).toBeUndefined();
  });
});

/** A name server whose answers change from look-up to look-up. */
function answers(...rounds: string[][]): typeof lookup {
  let round = 0;
  return ((_host: string, _options: object, done: (e: null, a: LookupAddress[]) => void) => {
    const addresses = rounds[Math.min(round++, rounds.length - 1)]!;
    done(
      null,
      addresses.map((address) => ({ address, family: 4 })),
    );
  }) as unknown as typeof lookup;
}

test('of a name’s addresses only the allowed ones are tried', async () => {
  const resolve = answers(['127.0.0.1', '93.184.216.34']);
  const found = await new Promise((ok) => {
    guardedLookup(strict, 80, resolve)('rebinding.example', { all: true }, (error, addresses) =>
      ok([error, addresses]),
    );
  });
  expect(found).toEqual([null, [{ address: '93.184.216.34', family: 4 }]]);
});

test('a name that resolves elsewhere the second time gains nothing: what is judged is what is connected to', async () => {
  const server = await wireServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  const client = new HttpUpstreamClient({
    policy: { access: 'public' },
    names: { lookup: answers(['93.184.216.34'], ['127.0.0.1']), ask: async () => [] },
  });
  const request = { url: `http://rebinding.example:${server.port}/`, headers: {} };
  const soon = { timeouts: { connectMs: 150, firstByteMs: 150 }, fresh: true };
  // The first answer is public, and is what is tried; nobody listens there.
  await expect(client.open(request, soon)).rejects.toMatchObject({
    code: expect.stringMatching(/CONNECT|TIMEOUT/),
  });
  await expect(client.open(request, soon)).rejects.toMatchObject(REFUSED);
  expect(server.requests).toEqual([]);
  await server.close();
});

test('under lan, a name that was outside and now claims to be inside is refused', async () => {
  const server = await wireServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  const client = new HttpUpstreamClient({ names: { lookup: answers(['127.0.0.1']), ask: async () => [] } });
  const request = { url: `http://rebinding.example:${server.port}/`, headers: {} };
  const fresh = { ...TIMEOUTS, fresh: true };
  expect((await collect(await client.open(request, fresh))).body.toString()).toBe('ok');
  client.guard.connected('rebinding.example', '93.184.216.34');
  await expect(client.open(request, fresh)).rejects.toMatchObject(REFUSED);
  expect(server.requests).toHaveLength(1);
  await server.close();
});

test('a forbidden address is refused as such, by name, by address and behind a redirect', async () => {
  const server = await wireServer((socket) => {
    socket.end('HTTP/1.1 302 F\r\nLocation: http://169.254.169.254/latest\r\n\r\n');
  });
  const client = new HttpUpstreamClient({ policy: { access: 'public' } });
  await expect(client.open({ url: server.url, headers: {} }, TIMEOUTS)).rejects.toMatchObject(REFUSED);
  await expect(
    client.open({ url: `http://localhost:${server.port}`, headers: {} }, TIMEOUTS),
  ).rejects.toMatchObject(REFUSED);
  expect(server.requests).toHaveLength(0);
  await expect(
    new HttpUpstreamClient().open({ url: server.url, headers: {} }, TIMEOUTS),
  ).rejects.toMatchObject(REFUSED);
  expect(server.requests).toHaveLength(1);
  await server.close();
});

test('what a playlist from outside names, or redirects to, may not lie inside', async () => {
  const server = await wireServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  const client = new HttpUpstreamClient();
  client.guard.connected('outside.example', '93.184.216.34');
  const request = { url: `${server.url}/seg.ts`, headers: {} };
  await expect(
    client.open({ ...request, from: 'http://outside.example/a.m3u8' }, TIMEOUTS),
  ).rejects.toMatchObject(REFUSED);
  const fetcher = client.fetcher();
  const timeouts = { ...TIMEOUTS.timeouts, stallMs: 1_000 };
  await expect(
    fetcher.fetch({ ...request, credentialsFor: 'http://outside.example/a.m3u8' }, { timeouts }),
  ).rejects.toMatchObject(REFUSED);
  await fetcher.close();
  expect(server.requests).toHaveLength(0);
  const response = await client.open({ ...request, from: `${server.url}/a.m3u8` }, TIMEOUTS);
  expect((await collect(response)).body.toString()).toBe('ok');
  await server.close();
});
