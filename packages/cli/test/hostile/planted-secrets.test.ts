import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FakeProvider,
  makeSample,
  Player,
  type StreampoolProcess,
  startStreampool,
} from '@streampool/testkit';

// A secret of its own in every place that can hold one, and a look into everything that the server says: nothing of them may be there.

const SECRETS = {
  apiToken: 'PlantedApiToken01',
  namedToken: 'PlantedNamedToken2',
  fileToken: 'PlantedFileToken03',
  signing: 'PlantedSigning0004',
  userinfo: 'PlantedUserinfo05',
  password: 'PlantedPassword06',
  query: 'PlantedQuery000007',
  path: 'PlantedPath0000008',
  header: 'PlantedHeader00009',
  cookie: 'PlantedCookie00010',
  failover: 'PlantedFailover011',
  resolver: 'PlantedResolver012',
  metadata: 'PlantedMetadata013',
  argument: 'PlantedArgument014',
  webhook: 'PlantedWebhook0015',
  webhookHeader: 'PlantedWebhookHd16',
  redis: 'PlantedRedis000017',
  wrongToken: 'PlantedWrong000018',
};

let server: StreampoolProcess;
let provider: FakeProvider;
let dataDir = '';
beforeAll(async () => {
  provider = await FakeProvider.start();
  dataDir = mkdtempSync(join(tmpdir(), 'streampool-planted-'));
  writeFileSync(join(dataDir, 'tokens'), `dashboard=read:${SECRETS.fileToken}\n`);
  server = await startStreampool({
    dataDir,
    env: {
      ...{
        API_TOKEN: SECRETS.apiToken,
        API_TOKENS: `tv=watch:${SECRETS.namedToken}`,
        API_TOKENS_FILE: join(dataDir, 'tokens'),
      },
      ...{
        STREAM_URL_SECRET: SECRETS.signing,
        REDIS_URL: `redis://:${SECRETS.redis}@127.0.0.1:1`,
        REDIS_PASSWORD: SECRETS.redis,
      },
      ...{ LOG_LEVEL: 'trace', STREAM_TIMEOUT: '2', MAX_SOURCE_ATTEMPTS: '2' },
    },
  });
});
afterAll(async () => {
  await server?.stop();
  await provider?.close();
  rmSync(dataDir, { recursive: true, force: true });
});

test('no planted secret comes out anywhere', async () => {
  const sample = await makeSample({ seconds: 4, gopSeconds: 1 });
  const path = `/live/bob/${SECRETS.path}/7.ts`;
  provider.live(path, sample, { start: 'keyframe' });
  const url = provider.url(`${path}?token=${SECRETS.query}`, `${SECRETS.userinfo}:${SECRETS.password}`);
  const answers: string[] = [];
  const call = async (method: string, where: string, body?: unknown, token = SECRETS.apiToken) => {
    const response = await fetch(`${server.url}${where}`, {
      method,
      headers: { 'x-api-token': token, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    answers.push(
      `${method} ${where}`.replaceAll(/Planted\w+/g, ''),
      text,
      JSON.stringify([...response.headers]),
    );
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : {} };
  };
  const source = {
    ...{ url, failover_urls: [url.replace('7.ts', '8.ts').replace(SECRETS.query, SECRETS.failover)] },
    failover_resolver_url: `http://127.0.0.1:1/?api_key=${SECRETS.resolver}`,
    headers: { Authorization: `Bearer ${SECRETS.header}`, Cookie: `sid=${SECRETS.cookie}` },
    metadata: { from: `http://a:${SECRETS.metadata}@h.example/x` },
  };
  const made = [
    await call('POST', '/streams', source),
    await call('POST', '/streams', { ...source, shared: true }),
    await call('POST', '/transcode', {
      ...source,
      profile: `-i {input_url} -c copy -metadata comment=http://a:${SECRETS.argument}@h.example/ -f mpegts pipe:1`,
    }),
  ];
  for (const { status } of made) expect(status).toBe(200);
  await call('POST', '/webhooks', {
    ...{
      url: `http://u:${SECRETS.webhook}@127.0.0.1:1/hook?token=${SECRETS.webhook}`,
      events: ['stream_started'],
    },
    headers: { Authorization: SECRETS.webhookHeader },
  });
  await call('GET', '/webhooks');
  const players = made.map(({ body }) => new Player(`${server.url}${body.stream_endpoint}`));
  await Promise.all(players.map((player) => player.waitForPicture()));
  // What goes wrong says a lot.
  await call('POST', '/streams', {
    url: `file://${SECRETS.password}@h/x`,
    headers: { 'a b': SECRETS.header },
  });
  await call('POST', '/transcode', { url, profile: `-i ${url} -f mpegts pipe:1` });
  await call('POST', '/test-connection', { url });
  await call('POST', '/test-connection', { url: url.replace(/:\d+\//, ':1/') });
  await call('GET', '/streams', undefined, SECRETS.wrongToken);
  await call('GET', `/streams?api_token=${SECRETS.wrongToken}`, undefined, SECRETS.namedToken);
  await provider.cut(path);
  for (const { body } of made) {
    const id = body.stream_id;
    await call('POST', `/streams/${id}/sign`, { user: 'ann', ttl: 60 });
    for (const below of ['', '/timeline']) await call('GET', `/streams/${id}${below}`);
    await call('GET', `/stream/${id}?expires=9999999999&signature=x&api_token=${SECRETS.wrongToken}`);
    await call('GET', `/hls/${id}/playlist.m3u8?api_token=${SECRETS.wrongToken}`);
  }
  for (const where of [
    ...[
      '/',
      '/info',
      '/health',
      '/metrics',
      '/streams',
      '/clients',
      '/workers',
      '/providers',
      '/sessions',
      '/users',
    ],
    ...[
      '/stats',
      '/stats/detailed',
      '/stats/performance',
      '/stats/streams',
      '/stats/clients',
      '/openapi.json',
      '/docs',
    ],
    ...['/transcode/profiles', '/sd/prometheus', '/log-level', '/nothing'],
  ])
    await call('GET', where, undefined, where === '/stats' ? SECRETS.fileToken : SECRETS.apiToken);
  await Promise.all(players.map((player) => player.close()));

  const told = JSON.stringify(provider.stats(path).requests);
  for (const name of ['query', 'header', 'cookie'] as const) expect(told).toContain(SECRETS[name]);
  expect(answers.join('\n')).toContain('7.ts');
  const logs = server.logs();
  expect(logs.length).toBeGreaterThan(5_000);
  const found = Object.entries(SECRETS).flatMap(([name, secret]) =>
    Object.entries({ answers: answers.join('\n'), logs }).flatMap(([where, text]) => {
      const at = text.indexOf(secret);
      return at < 0 ? [] : [`${name} in ${where}: ${text.slice(Math.max(0, at - 200), at + 60)}`];
    }),
  );
  expect(found).toEqual([]);
});
