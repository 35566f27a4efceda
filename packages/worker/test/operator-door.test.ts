import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StreampoolError } from '@streampool/errors';
import type { WorkerRecord } from '@streampool/state';
import { pino } from 'pino';
import { type LogLevelState, OperatorDoor, Peers } from '../src/index.ts';

const TOKEN = 'a-token-of-this-test';
const log = pino({ level: 'silent' });

let server: Server;
let url: string;
let set: [string, number | undefined][];
beforeEach(async () => {
  set = [];
  const door = new OperatorDoor({
    ...{ log, token: TOKEN },
    report: () => ({ bytesServed: 7 }),
    logLevel: {
      get: () => ({ level: 'info' }),
      set(level, forMs): LogLevelState {
        if (level === 'loud') throw new StreampoolError('INVALID_REQUEST', 'that is no level');
        set.push([level, forMs]);
        return { level, ...(forMs !== undefined && { revertsInMs: forMs }) };
      },
    },
  });
  server = createServer((req, res) => {
    if (!door.serve(req, res)) res.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function peers(): Peers {
  const records = [
    { id: 'w', url },
    { id: 'gone', url: 'http://127.0.0.1:1' },
  ] as WorkerRecord[];
  return new Peers({ self: 'me', token: TOKEN, log, state: { listWorkers: async () => records } });
}

test('a node is asked what it has done, and told how much to log', async () => {
  const others = peers();
  expect(await others.report('w')).toEqual({ bytesServed: 7 });
  expect(await others.logLevel('w')).toEqual({ level: 'info' });
  expect(await others.logLevel('w', ['debug', 60_000])).toEqual({ level: 'debug', revertsInMs: 60_000 });
  expect(await others.logLevel('w', ['warn'])).toEqual({ level: 'warn' });
  expect(set).toEqual([
    ['debug', 60_000],
    ['warn', undefined],
  ]);
  expect(await others.logLevel('w', ['loud'])).toBeUndefined();
  for (const nobody of ['gone', 'unknown', 'me']) {
    expect(await others.report(nobody)).toBeUndefined();
    expect(await others.logLevel(nobody, ['debug'])).toBeUndefined();
  }
});

test.each([
  ['GET', '/internal/report', {}, 401],
  ['GET', '/internal/report', { authorization: 'Bearer wrong' }, 403],
  ['POST', '/internal/log-level?level=debug', {}, 401],
  ['POST', '/internal/report', { authorization: `Bearer ${TOKEN}` }, 405],
  ['POST', '/internal/log-level?level=loud', { authorization: `Bearer ${TOKEN}` }, 400],
  ['GET', '/internal/reports', { authorization: `Bearer ${TOKEN}` }, 418],
])('%s %s with %o is answered with %i', async (method, path, headers, status) => {
  expect((await fetch(url + path, { method, headers })).status).toBe(status);
  expect(set).toEqual([]);
});
