import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { loadConfig, type RunningServer, serve } from '../src/index.ts';

let directory = '';
let running: RunningServer[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'streampool-serve-'));
});
afterEach(async () => {
  await Promise.all(running.map((server) => server.close()));
  running = [];
  rmSync(directory, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<{ server: RunningServer; url: string }> {
  const { config } = loadConfig({
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      STREAMPOOL_DATA_DIR: join(directory, 'data'),
      HARDWARE_ENCODERS: 'none',
      ...env,
    },
    directory,
  });
  const server = await serve(config, { log: pino({ level: 'silent' }), version: '0.0.0-test' });
  running.push(server);
  return { server, url: `http://127.0.0.1:${server.port}` };
}

async function post(
  url: string,
  path: string,
  body: object,
): Promise<{ status: number; body: Record<string, string> }> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

test('definitions survive a restart', async () => {
  const first = await start();
  const { body } = await post(first.url, '/streams', {
    url: 'http://127.0.0.1:9/a.ts',
    metadata: { id: '1' },
  });
  await first.server.close();
  const second = await start();
  const answer = await fetch(`${second.url}/streams/${body.stream_id}`);
  expect(answer.status).toBe(200);
  expect((await answer.json()) as object).toMatchObject({ stream: { metadata: { id: '1' }, state: 'idle' } });
});

test('without FFmpeg, streams are passed on and transcoding says what is missing', async () => {
  const { url } = await start({ FFMPEG_PATH: '/nowhere/ffmpeg' });
  expect((await post(url, '/streams', { url: 'http://127.0.0.1:9/a.ts' })).status).toBe(200);
  const refused = await post(url, '/transcode', { url: 'http://127.0.0.1:9/a.ts' });
  expect(refused).toMatchObject({ status: 503, body: { code: 'FFMPEG_MISSING' } });
  const info = (await (await fetch(`${url}/info`)).json()) as { ffmpeg_version: unknown };
  expect(info.ffmpeg_version).toBeNull();
});

test('what names FFmpeg but is not is as good as none', async () => {
  const impostor = join(directory, 'ffmpeg');
  writeFileSync(impostor, '#!/bin/sh\necho hello\n', { mode: 0o755 });
  const { url } = await start({ FFMPEG_PATH: impostor });
  expect((await post(url, '/transcode', { url: 'http://127.0.0.1:9/a.ts' })).status).toBe(503);
});

test('this machine’s own worker is listed', async () => {
  const { url, server } = await start({ WORKER_ID: 'one' });
  const { workers } = (await (await fetch(`${url}/workers`)).json()) as { workers: object[] };
  expect(workers).toEqual([
    expect.objectContaining({
      worker_id: 'one',
      pid: process.pid,
      url: `http://127.0.0.1:${server.port}`,
      status: 'ready',
    }),
  ]);
});

describe('a start that fails says why', () => {
  test('a port in use', async () => {
    const { server } = await start();
    await expect(
      start({ PORT: String(server.port), STREAMPOOL_DATA_DIR: join(directory, 'other') }),
    ).rejects.toThrow(/^127\.0\.0\.1:\d+ is in use: .*--port/);
  });

  test('a foreign address', async () => {
    await expect(start({ HOST: '192.0.2.77' })).rejects.toThrow(
      '192.0.2.77 is not an address of this machine',
    );
  });

  test.each([
    ['a file in its place', 'file', 'is not a directory'],
    ['a file above it', 'file/data', 'is not a directory'],
  ])('the data directory: %s', async (_name, path, reason) => {
    writeFileSync(join(directory, 'file'), '');
    await expect(start({ STREAMPOOL_DATA_DIR: join(directory, path) })).rejects.toThrow(reason);
  });

  test('a data directory that cannot be made, at once', async () => {
    await expect(start({ STREAMPOOL_DATA_DIR: '/proc/streampool' })).rejects.toThrow('cannot be made');
  });

  test('and leaves nothing open: the same again works', async () => {
    const { server } = await start({ STREAMPOOL_DATA_DIR: join(directory, 'other') });
    await expect(start({ PORT: String(server.port) })).rejects.toThrow('is in use');
    const { url } = await start();
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });
});
