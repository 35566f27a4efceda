import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CommandProblem } from '../src/api/client.ts';
import { clients, providers, status, streams, workers } from '../src/commands/reports.ts';
import { show } from '../src/commands/show.ts';

let server: Server;
let url = '';
let seen: IncomingMessage[] = [];
let answers: Record<string, unknown> = {};
let statusCode = 200;

beforeEach(async () => {
  seen = [];
  statusCode = 200;
  server = createServer((req, res) => {
    seen.push(req);
    res.statusCode = statusCode;
    res.setHeader('Connection', 'close');
    res.end(JSON.stringify(answers[req.url ?? ''] ?? { code: 'NOT_FOUND', detail: 'There is nothing' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

const stream = {
  stream_id: 'abc',
  kind: 'transcode',
  state: 'live',
  client_count: 12,
  bitrate_kbps: 4012.6,
  output_media_info: {
    ...{ resolution: '1280x720', video_codec: 'h264', fps: 25, bitrate_kbps: 4012.6 },
    ...{ audio_codec: 'aac', audio_channels: 'stereo', container: 'MPEGTS', speed: 1.01 },
  },
  media_info: null,
  speed: 1.01,
  profile: 'default',
  owner: 'w1',
  current_url: 'http://***@h/a.ts',
  last_error: null,
};

test('streams as a table, and as JSON', async () => {
  answers = { '/streams': { streams: [stream], total: 1 } };
  expect(await show(streams, { url: `${url}/`, token: 'tok' })).toBe(
    [
      'STREAM  KIND       STATE  VIEWERS  KBIT/S  MEDIA                         SPEED  PROFILE  OWNER  URL                LAST ERROR',
      'abc     transcode  live        12    4013  h264 1280x720 25, aac stereo   1.01  default  w1     http://***@h/a.ts  -',
    ].join('\n'),
  );
  expect(seen[0]!.headers['x-api-token']).toBe('tok');
  expect(JSON.parse(await show(streams, { url, json: true }))).toEqual({ streams: [stream], total: 1 });
  answers = { '/streams': { streams: [], total: 0 } };
  expect(await show(streams, { url })).toBe('No streams.');
});

test('viewers and workers', async () => {
  const nowIso = new Date(Date.now() - 65_000).toISOString();
  answers = {
    '/clients': {
      clients: [
        {
          client_id: 'tv',
          stream_id: 'abc',
          ip_address: '10.0.0.9',
          username: null,
          user_agent: 'VLC',
          created_at: nowIso,
          bytes_served: 2_500_000,
          lag_bytes: 0,
          skips: 1,
          node: 'g1',
        },
      ],
    },
    '/workers': {
      workers: [
        {
          worker_id: 'w1',
          role: 'worker',
          host: 'h',
          pid: 7,
          status: 'ready',
          version: '1.0.0',
          owned_streams: 3,
          capacity: 5,
          encoders: 2,
          max_encoders: 0,
          viewers: 9,
          load: 0.256,
          started_at: nowIso,
          heartbeat_at: nowIso,
        },
      ],
    },
  };
  expect(await show(clients, { url })).toMatch(
    /\ntv +abc +g1 +10\.0\.0\.9 +- +1m 0\ds +2\.5 MB +0 B +1 +VLC$/,
  );
  expect(await show(workers, { url })).toMatch(
    /\nw1 +worker +h +7 +ready +3\/5 +2 +9 +0\.26 +1m 0\ds +1m 0\ds ago +1\.0\.0$/,
  );
});

test('status', async () => {
  answers = {
    '/health': {
      version: '1.2.3',
      uptime_seconds: 3_700,
      total_bytes_served: 1_500,
      stats: { total_streams: 5, active_streams: 2, active_clients: 40 },
    },
    '/info': {
      ffmpeg_version: null,
      hardware_acceleration: { type: null },
      worker: { worker_id: 'w1' },
    },
  };
  const shown = await show(status, { url });
  expect(shown).toContain('version   1.2.3');
  expect(shown).toContain('up        1h 01m');
  expect(shown).toContain('streams   2 watched of 5');
  expect(shown).toContain('ffmpeg    missing');
});

test('what cannot be asked is said in a sentence', async () => {
  const port = Number(new URL(url).port);
  statusCode = 401;
  await expect(show(streams, { url })).rejects.toThrow('asks for its API token');
  statusCode = 403;
  answers = { '/streams': { code: 'TOKEN_WRONG', detail: 'Invalid API token' } };
  await expect(show(streams, { url, token: 'tok' })).rejects.toThrow('does not know this API token');
  answers = { '/streams': { code: 'SCOPE_MISSING', detail: 'it lacks read' } };
  await expect(show(streams, { url, token: 'tok' })).rejects.toThrow('403 SCOPE_MISSING: it lacks read');
  answers = {};
  statusCode = 404;
  await expect(show(streams, { url })).rejects.toThrow('answered 404 NOT_FOUND: There is nothing');
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await expect(show(streams, { url: `http://bob:s3cret@127.0.0.1:${port}` })).rejects.toThrow(CommandProblem);
  await expect(show(streams, { url })).rejects.toThrow('ECONNREFUSED');
});

test('providers, a line for each connection in use', async () => {
  const nowIso = new Date(Date.now() - 65_000).toISOString();
  answers = {
    '/providers': {
      providers: [
        {
          ...{ provider_id: 'acme', hosts: ['tv.example.org', '*.cdn.example.org'], max_connections: 2 },
          slots_in_use: 1,
          slots: [
            {
              ...{
                lease: 'w1/a/1',
                node: 'w1',
                stream_id: 'abc',
                priority: 5,
                since: nowIso,
                promised: false,
              },
              viewer: { client_id: 'tv', ip_address: '10.0.0.9', username: null },
            },
          ],
        },
        { provider_id: 'other', hosts: [], max_connections: 1, slots_in_use: 0, slots: [] },
      ],
    },
  };
  const text = await show(providers, { url });
  expect(text).toMatch(
    /\nacme +1\/2 +abc +w1 +5 +1m 0\ds +10\.0\.0\.9 +tv\.example\.org \*\.cdn\.example\.org\n/,
  );
  expect(text).toMatch(/\nother +0\/1/);
});
