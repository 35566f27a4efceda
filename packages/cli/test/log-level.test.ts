import { Writable } from 'node:stream';
import { isStreampoolError } from '@streampool/errors';
import { startStreampool, waitFor } from '@streampool/testkit';
import { logLevelCommand } from '../src/commands/log-level.ts';
import { LogLevel } from '../src/output/log-level.ts';
import { redactingLogger } from '../src/output/logger.ts';
import { pause } from '../src/serve/pause.ts';

function recorded() {
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line));
      done();
    },
  });
  return { log: redactingLogger('info', sink), lines, said: () => lines.map(({ msg }) => msg) };
}

test('loggers that were made before follow the level, too', () => {
  const { log, said } = recorded();
  const child = log.child({ requestId: 'r' });
  const withSerializers = log.child({}, { serializers: { x: String } });
  const level = new LogLevel({ log });
  child.debug('not yet');
  level.set('debug');
  child.debug('now');
  withSerializers.child({ a: 1 }).debug('also');
  level.set('error');
  child.info('not any more');
  log.error('this still');
  expect(said()).toEqual([
    'the log level is changed',
    'now',
    'also',
    'the log level is changed',
    'this still',
  ]);
});

test('a level that is set for a while goes back to what is configured', () => {
  const { log } = recorded();
  let now = 0;
  const timers: { ms: number; run: () => void; cancelled: boolean }[] = [];
  const level = new LogLevel({
    log,
    now: () => now,
    after(ms, run) {
      const timer = { ms, run, cancelled: false };
      timers.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
  });
  expect(level.set('trace', 60_000)).toEqual({ level: 'trace', revertsInMs: 60_000 });
  now = 20_000;
  expect(level.get()).toEqual({ level: 'trace', revertsInMs: 40_000 });
  level.set('debug', 5_000);
  expect(timers.map(({ ms, cancelled }) => [ms, cancelled])).toEqual([
    [60_000, true],
    [5_000, false],
  ]);
  timers[1]!.run();
  expect(level.get()).toEqual({ level: 'info' });
  level.toggle();
  expect(level.get()).toEqual({ level: 'debug' });
  level.toggle();
  expect(level.get()).toEqual({ level: 'info' });
});

test.each([
  ['loud', undefined],
  ['debug', 0],
  ['debug', Number.NaN],
  ['debug', 48 * 3_600_000],
])('%s for %s ms is refused', (name, forMs) => {
  const { log } = recorded();
  const level = new LogLevel({ log });
  try {
    level.set(name, forMs);
    throw new Error('it was taken');
  } catch (error) {
    expect(isStreampoolError(error, 'INVALID_REQUEST')).toBe(true);
  }
  expect(log.level).toBe('info');
});

test('a running server is told by command and by signal; every line is one JSON object, with the request’s id, and no secrets', async () => {
  const token = 'a-token-that-nobody-may-see';
  const server = await startStreampool({ env: { LOG_FORMAT: 'json', LOG_LEVEL: 'info', API_TOKEN: token } });
  try {
    const lines = () =>
      server
        .logs()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    let written = '';
    const command = (level: string | undefined, options: object = {}) =>
      logLevelCommand(
        level,
        { url: server.url, token, ...options },
        {
          output: { write: (text: string) => (written += text), on: () => {} } as never,
          signal: new AbortController().signal,
          now: Date.now,
          sleep: pause,
        },
      );
    await command(undefined, { json: true });
    const [{ node, level }] = JSON.parse(written).nodes;
    expect(level).toBe('info');
    written = '';
    await command('debug', { node, seconds: '600' });
    expect(written).toBe(`${node}: debug for 600 s\n`);
    await expect(command('debug', { node: 'nobody' })).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
    // A quiet route speaks on this level only.
    await fetch(`${server.url}/healthz?api_token=${token}`, { headers: { 'x-request-id': 'my-request' } });
    const mine = () => lines().filter(({ requestId }) => requestId === 'my-request');
    await waitFor(() => mine().length > 0, { what: 'a line of level debug' });
    expect(mine()[0]).toMatchObject({
      level: 'debug',
      msg: 'request',
      path: expect.stringContaining('/healthz'),
    });
    process.kill(server.pid, 'SIGUSR2');
    await waitFor(() => lines().some(({ from, to }) => from === 'debug' && to === 'info'));
    await fetch(`${server.url}/streams`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-token': token },
      body: JSON.stringify({ url: 'http://user:hunter2@provider.example/live.ts?password=hunter2' }),
    });
    await waitFor(() => lines().some(({ method }) => method === 'POST'));
    for (const line of lines())
      expect(line).toMatchObject({
        level: expect.any(String),
        time: expect.any(String),
        msg: expect.any(String),
      });
    expect(server.logs()).not.toContain(token);
    expect(server.logs()).not.toContain('hunter2');
    expect(
      server
        .logs()
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('{') && /\[object|undefined/.test(line)),
    ).toEqual([]);
  } finally {
    await server.stop();
  }
});
