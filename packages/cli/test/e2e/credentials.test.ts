import { api, waitFor } from '@streampool/testkit';
import { COPY, useStage } from './stage.ts';

const stage = useStage({ env: { LOG_LEVEL: 'trace' } });

/** Every place where a provider's credentials can stand, each with a secret of its own. */
const SECRETS = [
  'Sec0Userinfo',
  'Sec1Password',
  'Sec2Token',
  'Sec3Path',
  'Sec4Login',
  'Sec5Header',
  'Sec6Cookie',
];

test('credentials appear in no log, no answer and no metric', async () => {
  stage.provider.live('/live/Sec4Login/Sec3Path/42.ts', stage.sample, { start: 'keyframe' });
  const url = stage.provider.url(
    '/live/Sec4Login/Sec3Path/42.ts?token=Sec2Token',
    'Sec0Userinfo:Sec1Password',
  );
  const broken = url.replace('/42.ts', '/43.ts');
  const headers = { authorization: 'Bearer Sec5Header', cookie: 'session=Sec6Cookie' };
  const answers: string[] = [];
  const post = async (path: string, body: object): Promise<string> => {
    const answer = await api(stage.server, 'POST', path, body);
    expect(answer.status).toBeLessThan(300);
    answers.push(answer.text);
    return (answer.body as { stream_id: string }).stream_id;
  };
  const good = [
    await post('/streams', { url, headers }),
    await post('/streams', { url, headers, shared: true }),
    await post('/transcode', { url, headers, profile: 'lowlatency', failover_urls: [broken] }),
    await post('/transcode', { url, headers, profile: COPY }),
  ];
  const bad = [
    await post('/streams', { url: broken, headers }),
    await post('/streams', { url: broken, headers, shared: true }),
    await post('/transcode', { url: broken, headers, profile: COPY }),
    await post('/transcode', { url, headers, profile: '-i {input_url} -vf crop=9000:9000 -f mpegts pipe:1' }),
  ];
  const players = good.map((id) => stage.play(`${stage.server.url}/stream/${id}`));
  await Promise.all(players.map((player) => player.waitForPicture()));
  for (const id of bad) {
    const player = stage.play(`${stage.server.url}/stream/${id}`, { record: true, check: false });
    expect((await player.waitForHead()).status).toBeGreaterThanOrEqual(500);
    await player.ended;
    answers.push(player.recording.toString());
  }
  await stage.provider.cut('/live/Sec4Login/Sec3Path/42.ts');
  await Promise.all(players.slice(1).map((player) => player.waitForBytes(player.bytes + 50_000)));
  answers.push((await api(stage.server, 'POST', '/test-connection', { url })).text);
  const paths = [
    '/',
    '/streams',
    '/clients',
    '/stats',
    '/stats/detailed',
    '/stats/streams',
    '/stats/clients',
  ];
  for (const path of [
    ...paths,
    '/info',
    '/health',
    '/metrics',
    ...[...good, ...bad].map((id) => `/streams/${id}`),
  ])
    answers.push((await api(stage.server, 'GET', path)).text);
  await waitFor(() => stage.server.logs().includes(bad.at(-1)!));

  // The provider was told them, so the test does see what it looks for.
  const told = JSON.stringify(stage.provider.stats('/live/Sec4Login/Sec3Path/42.ts').requests);
  expect(told).toContain('Sec2Token');
  expect(told).toContain('Sec5Header');
  const shown = { answers: answers.join('\n'), logs: stage.server.logs() };
  for (const [where, text] of Object.entries(shown))
    for (const secret of SECRETS) {
      const at = text.indexOf(secret);
      const context = at < 0 ? '' : `${where}: ${text.slice(Math.max(0, at - 200), at + 100)}`;
      expect(context).toBe('');
    }
});
