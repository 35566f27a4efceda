import { LiveChannel, Provider } from './provider.ts';
import { host } from './proxy-host.ts';

async function balanced(stickySession: boolean) {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/one/', 'a');
  new LiveChannel(provider, '/two/', 'b');
  let led = '/one/';
  const lead = (to: string): void => {
    led = to;
  };
  provider.route('/go', (_req, res) => res.writeHead(302, { location: `${led}index.m3u8` }).end());
  const url = provider.url('/go');
  const spec = {
    id: 'one',
    kind: 'shared' as const,
    target: { url, headers: {} },
    failoverUrls: [],
    stickySession,
  };
  const it = host(url, { spec });
  /** Past the time that a playlist is fresh. */
  const again = (): Promise<string> => {
    it.clock.advance(6_001);
    return it.text();
  };
  return { provider, channel, lead, again, ...it };
}

test('with a sticky session a balancer is asked once, and its choice from then on', async () => {
  const { provider, lead, again, text } = await balanced(true);
  await text();
  lead('/two/');
  await again();
  await again();
  expect(provider.count('/go')).toBe(1);
  expect(provider.count('/one/index.m3u8')).toBe(3);
  expect(provider.count('/two/index.m3u8')).toBe(0);
});

test('where the choice does not answer any more, the balancer is asked again', async () => {
  const { provider, lead, again, text } = await balanced(true);
  await text();
  lead('/two/');
  provider.status('/one/index.m3u8', 404);
  await again();
  expect(provider.count('/go')).toBe(2);
  expect(provider.count('/two/index.m3u8')).toBe(1);
  await again();
  expect(provider.count('/go')).toBe(2);
});

test('without one it is asked each time', async () => {
  const { provider, again, text } = await balanced(false);
  await text();
  await again();
  expect(provider.count('/go')).toBe(2);
});
