import { api, type ClusterNode, waitFor } from '@streampool/testkit';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage } from './cluster-stage.ts';

const stage = new ClusterStage();
const env = { USER_LIMITS: 'alice=2, bob=1' };
beforeAll(() => stage.open({ gateways: 2, workers: 1, env }));
afterAll(() => stage.close());

interface Watching {
  readonly status: number;
  /** The connection has been closed. */
  isOver: boolean;
  hangUp(): void;
}

/** Somebody by that name begins to watch at that node, and takes whatever comes. */
async function watch(node: ClusterNode, streamId: string, user: string, ip: string): Promise<Watching> {
  const left = new AbortController();
  const headers = { 'x-username': user, 'x-forwarded-for': ip, 'user-agent': `player at ${ip}` };
  const response = await fetch(`${node.url}/stream/${streamId}`, { headers, signal: left.signal });
  const watching: Watching = { status: response.status, isOver: false, hangUp: () => left.abort() };
  const reader = response.body?.getReader();
  const read = async (): Promise<void> => {
    while (!(await reader?.read())?.done);
  };
  read()
    .catch(() => {})
    .finally(() => {
      watching.isOver = true;
    });
  return watching;
}

async function listed(user: string): Promise<{ session_id: string; node: string; ip_address: string }[]> {
  const { body } = await api(stage.gateways[1]!, 'GET', `/sessions?user=${user}`);
  return (body as { sessions: { session_id: string; node: string; ip_address: string }[] }).sessions;
}

test('limits, replacements and ends hold whichever node the viewer is at; an outage of Redis is no end', async () => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
  const [one, two] = stage.gateways as [ClusterNode, ClusterNode];
  const streams = await Promise.all(
    ['a', 'b'].map((name) =>
      stage.create('transcode', { url: stage.provider.url(`/live.ts?${name}`), profile: COPY }),
    ),
  );
  const [a, b] = streams.map(({ id }) => id) as [string, string];

  const starts = await Promise.all(
    Array.from({ length: 8 }, (_, i) => watch(i % 2 ? one : two, a, 'alice', `192.0.2.${i}`)),
  );
  expect(starts.map(({ status }) => status).sort()).toEqual([200, 200, ...Array(6).fill(429)]);
  expect(await listed('alice')).toHaveLength(2);

  const first = await watch(one, a, 'bob', '192.0.2.20');
  const second = await watch(two, b, 'bob', '192.0.2.20');
  expect([first.status, second.status]).toEqual([200, 200]);
  await waitFor(() => first.isOver, { what: 'the end of what was replaced' });
  const [session] = await listed('bob');
  expect(session).toMatchObject({ node: two.name, ip_address: '192.0.2.20' });

  // Redis does not answer: who watches goes on, and somebody else begins.
  stage.cluster.redis.stop();
  const carol = await watch(one, b, 'carol', '192.0.2.30');
  expect([carol.status, second.isOver]).toEqual([200, false]);
  stage.cluster.redis.continue();
  await waitFor(async () => (await listed('carol').catch(() => [])).length === 1, {
    what: 'a session that began without the state',
  });
  for (const viewer of [carol, second, ...starts.filter(({ status }) => status === 200)])
    expect(viewer.isOver).toBe(false);

  const ended = await api(one, 'DELETE', `/sessions/${session?.session_id}`);
  expect(ended.body).toMatchObject({ confirmed: true });
  await waitFor(() => second.isOver, { what: 'the end of the session’s socket' });
  expect(await listed('bob')).toEqual([]);
  for (const viewer of [...starts, carol]) viewer.hangUp();
  await waitFor(async () => (await listed('alice')).length === 0, { what: 'nobody' });
});
