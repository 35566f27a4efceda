import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeErrors, makeSample, waitFor } from '@streampool/testkit';
import { Stage } from './stage.ts';

interface Status {
  readonly status: string;
  readonly current_segment_number: number;
  readonly error_message: string | null;
  readonly ffmpeg_pid: number | null;
  readonly hls_dir: string;
}

const stage = new Stage();
const directory = mkdtempSync(join(tmpdir(), 'broadcast-'));
let receiver: Server;
const callbacks: { network_id: string; event: string; data: Record<string, unknown> }[] = [];

beforeAll(async () => {
  await stage.open({
    env: { BROADCAST_DIR: join(directory, 'live'), DVR_RECORDING_DIR: join(directory, 'dvr') },
  });
  const film = await makeSample({ seconds: 60, gopSeconds: 1, videoKbps: 300 });
  stage.provider.file('/film.ts', film.path, { ranges: true });
  receiver = createServer((req, res) => {
    let text = '';
    req.on('data', (part) => {
      text += part;
    });
    req.on('end', () => {
      callbacks.push(JSON.parse(text));
      res.end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await stage.close();
  receiver?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function ask<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const response = await fetch(`${stage.server.url}/broadcast${path}`, {
    method,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }),
  });
  return { status: response.status, body: (await response.json()) as T };
}

const programme = (more: object = {}) => ({
  stream_url: stage.provider.url('/film.ts'),
  segment_duration: 1,
  hls_list_size: 30,
  callback_url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/told`,
  ...more,
});

async function playlist(network: string): Promise<string[]> {
  const response = await fetch(`${stage.server.url}/broadcast/${network}/live.m3u8`);
  return response.ok ? (await response.text()).split('\n') : [];
}
const segmentsOf = (lines: readonly string[]): string[] => lines.filter((line) => /\.ts$/.test(line));

async function download(network: string, names: readonly string[]): Promise<string> {
  const parts = await Promise.all(
    names.map(async (name) =>
      Buffer.from(await (await fetch(`${stage.server.url}/broadcast/${network}/${name}`)).arrayBuffer()),
    ),
  );
  const file = stage.file(`${network}.ts`);
  writeFileSync(file, Buffer.concat(parts));
  return file;
}

test('programmes of a network follow each other in one playlist; each tells when it is over', async () => {
  const first = await ask<Status>('POST', '/one/start', programme({ seek_seconds: 5, duration_seconds: 4 }));
  expect(first).toMatchObject({ status: 200, body: { status: 'running' } });
  await waitFor(() => callbacks.length === 1, { what: 'the end of the first programme' });
  expect(callbacks[0]).toMatchObject({ network_id: 'one', event: 'programme_ended', data: { exit_code: 0 } });
  const shown = segmentsOf(await playlist('one'));
  expect(shown[0]).toBe('live000000.ts');
  expect(shown.length).toBeGreaterThanOrEqual(3);
  expect(callbacks[0]?.data.final_segment_number).toBe(shown.length - 1);

  const from = shown.length;
  await ask('POST', '/one/start', programme({ segment_start_number: from, add_discontinuity: true }));
  await waitFor(async () => segmentsOf(await playlist('one')).length >= from + 2);
  const lines = await playlist('one');
  expect(lines.filter((line) => line === '#EXT-X-DISCONTINUITY')).toHaveLength(1);
  expect(segmentsOf(lines)).toEqual(
    segmentsOf(lines).map((_, at) => `live${String(at).padStart(6, '0')}.ts`),
  );
  expect(lines).not.toContain('#EXT-X-ENDLIST');

  // In the middle of one: the next number, and a discontinuity, by themselves.
  await ask('POST', '/one/start', programme({ seek_seconds: 20 }));
  const breaks = (all: readonly string[]): number =>
    all.filter((line) => line === '#EXT-X-DISCONTINUITY').length;
  const second = (all: readonly string[]): number =>
    segmentsOf(all.slice(all.lastIndexOf('#EXT-X-DISCONTINUITY'))).length;
  await waitFor(
    async () => {
      const all = await playlist('one');
      return breaks(all) === 2 && second(all) >= 2;
    },
    { what: 'the third programme behind the second' },
  );
  const later = await playlist('one');
  expect(await decodeErrors(await download('one', segmentsOf(later).slice(-2)))).toEqual([]);

  const stopped = await ask<{ final_segment_number: number }>('POST', '/one/stop');
  expect(stopped.body.final_segment_number).toBeGreaterThanOrEqual(segmentsOf(later).length - 1);
  expect(callbacks).toHaveLength(1);
  await waitFor(() => stage.provider.stats('/film.ts').current === 0, { what: 'no connection left' });
  expect((await ask('DELETE', '/one')).status).toBe(200);
  expect((await ask('GET', '/one/status')).status).toBe(404);
  expect(await playlist('one')).toEqual([]);
});

test('a recording keeps all its segments in files that other programs can read', async () => {
  const { body } = await ask<Status>(
    'POST',
    '/rec/start',
    programme({ dvr_mode: true, hls_list_size: 3, duration_seconds: 4 }),
  );
  await waitFor(() => callbacks.some(({ network_id }) => network_id === 'rec'));
  const told = callbacks.find(({ network_id }) => network_id === 'rec') as unknown as { hls_dir: string };
  expect(told).toMatchObject({ dvr_mode: true, hls_dir: body.hls_dir });
  const names = readdirSync(told.hls_dir).filter((name) => name.endsWith('.ts'));
  const listed = segmentsOf(readFileSync(join(told.hls_dir, 'live.m3u8'), 'utf8').split('\n'));
  expect(listed).toEqual(names.sort());
  expect(names.length).toBeGreaterThanOrEqual(4);
  expect(await playlist('rec')).toContain('#EXT-X-ENDLIST');
});

test('a programme whose FFmpeg dies goes on at its time', async () => {
  const { body } = await ask<Status>('POST', '/killed/start', programme());
  await waitFor(async () => segmentsOf(await playlist('killed')).length >= 3);
  process.kill(body.ffmpeg_pid!, 'SIGKILL');
  const had = segmentsOf(await playlist('killed')).length;
  await waitFor(async () => segmentsOf(await playlist('killed')).length >= had + 2);
  const status = await ask<Status>('GET', '/killed/status');
  expect(status.body).toMatchObject({ status: 'running', error_message: null });
  expect(status.body.ffmpeg_pid).not.toBe(body.ffmpeg_pid);
  await ask('DELETE', '/killed');
});

test('what cannot be played is an error, and is told', async () => {
  stage.provider.route('/gone.ts', (exchange) => exchange.reply(404, 'gone'));
  const { status } = await ask(
    'POST',
    '/bad/start',
    programme({ stream_url: stage.provider.url('/gone.ts') }),
  );
  expect(status).toBe(502);
  await waitFor(() =>
    callbacks.some(({ network_id, event }) => network_id === 'bad' && event === 'broadcast_failed'),
  );
  for (const bad of [
    { stream_url: 'file:///etc/passwd' },
    { video_resolution: '1x1;rm' },
    { preset: '-f' },
    { segment_duration: 0 },
  ])
    expect((await ask('POST', '/bad/start', programme({ transcode: true, ...bad }))).status).toBe(422);
  expect((await ask('POST', '/..%2fx/start', programme())).status).toBe(422);
  expect((await ask('POST', '/nobody/stop')).status).toBe(404);
  await ask('DELETE', '/bad');
});
