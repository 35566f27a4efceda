import { StreampoolError } from '@streampool/errors';
import { closeAll, GatewayUnderTest } from './gateway-under-test.ts';

afterEach(closeAll);

const SECRETS = ['s3cret', 'hunter2', 'tok3n', 'p4ss', 'c00kie'];
const URLS = {
  userinfo: 'http://bob:s3cret@provider.example/live.ts',
  xtream: 'http://provider.example:8080/live/bob/hunter2/12.ts',
  query: 'http://provider.example/get.ts?username=bob&password=p4ss&token=tok3n',
};

test('no answer and no log line shows a credential', async () => {
  const it = await GatewayUnderTest.start(
    { apiToken: 'tok3n' },
    {
      probe: async () =>
        Promise.reject(new StreampoolError('UPSTREAM_CONNECT_FAILED', `refused: ${URLS.xtream}`)),
    },
  );
  const headers = { 'x-api-token': 'tok3n' };
  const seen: string[] = [];
  const see = async (response: Response): Promise<Record<string, string>> => {
    const text = await response.text();
    seen.push(text, JSON.stringify([...response.headers]));
    return text.startsWith('{') ? JSON.parse(text) : {};
  };
  const body = {
    url: URLS.userinfo,
    failover_urls: [URLS.xtream, URLS.query],
    failover_resolver_url: URLS.query,
    headers: { Authorization: 'Basic s3cret', Cookie: 'c00kie', Referer: URLS.userinfo },
    metadata: { source: URLS.xtream, field: 'plain' },
  };
  const created = await see(await it.send('POST', '/streams', body, headers));
  await see(
    await it.send('POST', '/transcode', { ...body, profile: `-i {input_url} ${URLS.userinfo}` }, headers),
  );
  await see(await it.send('POST', '/streams', { ...body, url: 'file://bob:s3cret@h' }, headers));
  await see(await it.send('POST', '/streams', { ...body, headers: { 'a b': 's3cret' } }, headers));
  await see(await it.send('POST', '/transcode', { ...body, profile: URLS.userinfo }, headers));
  await see(await it.send('POST', '/test-connection', { url: URLS.userinfo }, headers));

  it.engine.onWatch = () =>
    Promise.reject(
      new StreampoolError('UPSTREAM_STATUS', `The provider answered 403: ${URLS.query}`, {
        cause: new Error(URLS.xtream),
        info: { url: URLS.userinfo },
      }),
    );
  await see(await it.get(`/stream/${created.stream_id}?api_token=tok3n&password=p4ss`));
  it.engine.onWatch = () => Promise.reject(new Error(`connect ${URLS.userinfo}`));
  await see(await it.get(`/stream/${created.stream_id}`));
  it.engine.poolSnapshots = [];
  const query = `field=source&value=${encodeURIComponent(URLS.xtream)}`;
  for (const path of [
    '/',
    '/info',
    '/metrics',
    '/streams',
    `/streams/${created.stream_id}`,
    `/streams/by-metadata?${query}&active_only=false`,
    '/stats',
    '/stats/streams',
    '/openapi.json',
    '/nothing?token=tok3n',
  ]) {
    await see(await it.get(path, { headers }));
  }
  await see(await it.get('/streams?api_token=tok3n'));
  await see(await it.send('DELETE', `/streams/oldest-by-metadata?${query}`, undefined, headers));
  await see(await it.send('DELETE', `/streams/by-metadata?${query}`, undefined, headers));

  expect(seen.length).toBeGreaterThan(40);
  expect(seen.join('\n')).toContain('provider.example');
  expect(it.logged.length).toBeGreaterThan(15);
  for (const secret of SECRETS) {
    expect(seen.filter((text) => text.includes(secret))).toEqual([]);
    expect(it.logged.filter((line) => line.includes(secret))).toEqual([]);
  }
});
