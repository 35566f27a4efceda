import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sessions } from '../src/commands/sessions.ts';
import { show } from '../src/commands/show.ts';
import { loadConfig } from '../src/config/load.ts';
import { SETTINGS } from '../src/config/settings.ts';

function read(USER_LIMITS: string) {
  return loadConfig({ env: { USER_LIMITS }, directory: '/nonexistent' }).config.userLimits;
}

test('limits of users on one line', () => {
  const line = 'alice=2, bob = 1,c=d=0,__proto__=3,';
  expect(Object.entries(read(line))).toEqual([
    ['alice', 2],
    ['bob', 1],
    ['c=d', 0],
    ['__proto__', 3],
  ]);
  const shown = SETTINGS.userLimits.type.show(read(line));
  expect(shown).toBe('alice=2, bob=1, c=d=0, __proto__=3');
  expect(read(shown)).toEqual(read(line));
  expect(read('')).toEqual({});
});

test.each(['alice', 'alice=', 'alice=two', '=2', 'alice=-1', 'alice=1,alice=2'])(
  'what cannot be meant stops the start: %s',
  (line) => {
    expect(() => read(line)).toThrow(/USER_LIMITS cannot be .* it must be names with a number each/);
  },
);

describe('streampool sessions', () => {
  let server: Server;
  let url = '';
  let answers: Record<string, unknown> = {};

  beforeEach(async () => {
    server = createServer((req, res) => {
      res.setHeader('Connection', 'close');
      res.end(JSON.stringify(answers[req.url ?? '']));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const since = (seconds: number): string => new Date(Date.now() - seconds * 1_000).toISOString();
  const session = (id: string, username: string) => ({
    ...{ session_id: id, username, ip_address: '2001:db8::7', stream_id: 'abc', client_id: 'c', node: 'w1' },
    ...{ user_agent: 'VLC/3.0.20', started_at: since(65), last_active: since(3) },
  });

  test('all pages as one table, by user, and as JSON', async () => {
    answers = {
      '/sessions?limit=1000': { sessions: [session('s1', 'bob')], total: 1, next: 's1' },
      '/sessions?limit=1000&after=s1': { sessions: [session('s2', 'alice')], total: 1 },
    };
    expect(await show(sessions, { url })).toBe(
      [
        'USER   ADDRESS      STREAM  NODE     FOR   HEARD  SESSION  PLAYER',
        'alice  2001:db8::7  abc     w1    1m 05s  3s ago  s2       VLC/3.0.20',
        'bob    2001:db8::7  abc     w1    1m 05s  3s ago  s1       VLC/3.0.20',
      ].join('\n'),
    );
    expect(JSON.parse(await show(sessions, { url, json: true }))).toMatchObject({
      total: 2,
      sessions: [{ session_id: 's1' }, { session_id: 's2' }],
    });
  });

  test('nobody', async () => {
    answers = { '/sessions?limit=1000': { sessions: [], total: 0 } };
    expect(await show(sessions, { url })).toBe('No sessions.');
  });
});
