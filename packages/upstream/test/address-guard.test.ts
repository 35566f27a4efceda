import type { LookupAddress, lookup } from 'node:dns';
import { AddressGuard, HttpUpstreamClient } from '../src/index.ts';
import { guardedLookup } from '../src/socket/guarded-lookup.ts';
import { TIMEOUTS } from './collect.ts';
import { wireServer } from './wire-server.ts';

const strict = new AddressGuard({ allowPrivate: false });
const home = new AddressGuard();

test.each([
  '127.0.0.1',
  '127.9.9.9',
  '10.1.2.3',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.1.1',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'fe80::1%eth0',
  'fd00::1',
  'ff02::1',
  '::ffff:127.0.0.1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
])('%s is not public', (address) => {
  expect(strict.refusal(address, 80)?.code).toBe('UPSTREAM_ADDRESS_FORBIDDEN');
  expect(home.refusal(address, 80)).toBeUndefined();
});

test.each(['93.184.216.34', '2606:2800:220:1::1', '64:ff9b::5db8:d822'])('%s is public', (address) => {
  expect(strict.refusal(address, 80)).toBeUndefined();
});

test.each(['169.254.169.254', '::ffff:169.254.169.254', 'fd00:ec2::254', '100.100.100.200'])(
  'the metadata address %s is never reached',
  (address) => {
    expect(home.refusal(address, 80)?.code).toBe('UPSTREAM_ADDRESS_FORBIDDEN');
  },
);

test('the own door is refused by every spelling of this machine, until it closes', () => {
  const guard = new AddressGuard();
  guard.refuseOwnPort(4000);
  for (const address of ['127.0.0.1', '127.0.0.2', '::1', '0.0.0.0', '::', '::ffff:127.0.0.1']) {
    expect(guard.refusal(address, 4000)?.code).toBe('UPSTREAM_ADDRESS_FORBIDDEN');
    expect(guard.refusal(address, 4001)).toBeUndefined();
  }
  guard.allowOwnPort(4000);
  expect(guard.refusal('127.0.0.1', 4000)).toBeUndefined();
});

test('of a name’s addresses only the allowed ones are tried', async () => {
  const resolve = ((_host: string, _options: object, done: (e: null, a: LookupAddress[]) => void) =>
    done(null, [
      { address: '127.0.0.1', family: 4 },
      { address: '93.184.216.34', family: 4 },
    ])) as unknown as typeof lookup;
  const found = await new Promise((ok) => {
    guardedLookup(strict, 80, resolve)('rebinding.example', { all: true }, (error, addresses) =>
      ok([error, addresses]),
    );
  });
  expect(found).toEqual([null, [{ address: '93.184.216.34', family: 4 }]]);
});

test('a forbidden address is refused as such, by name, by address and behind a redirect', async () => {
  const server = await wireServer((socket) => {
    socket.end('HTTP/1.1 302 F\r\nLocation: http://169.254.169.254/latest\r\n\r\n');
  });
  const refused = { code: 'UPSTREAM_ADDRESS_FORBIDDEN' };
  const client = new HttpUpstreamClient({ policy: { allowPrivate: false } });
  await expect(client.open({ url: server.url, headers: {} }, TIMEOUTS)).rejects.toMatchObject(refused);
  await expect(
    client.open({ url: `http://localhost:${server.port}`, headers: {} }, TIMEOUTS),
  ).rejects.toMatchObject(refused);
  expect(server.requests).toHaveLength(0);
  await expect(
    new HttpUpstreamClient().open({ url: server.url, headers: {} }, TIMEOUTS),
  ).rejects.toMatchObject(refused);
  expect(server.requests).toHaveLength(1);
  await server.close();
});
