import { setTimeout as sleep } from 'node:timers/promises';
import type { HlsEdge } from '@streampool/hls-edge';
import type { GatewayConfig } from '../../src/index.ts';
import { type GatewayUnderTest, json } from '../gateway-under-test.ts';
import { closeStages, edgeStage, mediaAnswer, playlistAnswer } from '../hls/edge-stage.ts';

const SETTINGS: GatewayConfig['sessions'] = {
  ...{ timeoutMs: 30_000, scope: 'address', most: 1, perUser: {} },
};
const PLAYLIST = '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsegment/0.ts\n';

let it: GatewayUnderTest;
let edge: HlsEdge;
const streams: string[] = [];

beforeEach(async () => {
  ({ it, edge } = await edgeStage({
    answer: ({ path }) => (path.endsWith('.m3u8') ? playlistAnswer(PLAYLIST) : mediaAnswer()),
    config: { sessions: SETTINGS },
  }));
  const { engine } = it;
  const { disconnect } = engine;
  engine.disconnect = (clientId) => disconnect.call(engine, clientId) || edge.audience.disconnect(clientId);
  streams.splice(0);
  for (const name of ['a', 'b'])
    streams.push(
      await it.define({ url: `http://provider.example/${name}.ts`, profile: 'default' }, '/transcode'),
    );
});

afterEach(closeStages);

/** What a player is answered: the status, and why not. */
async function ask(
  stream: number,
  player: string,
  path = 'playlist.m3u8',
  ip = '192.0.2.1',
): Promise<string> {
  const headers = { 'x-forwarded-for': ip, 'x-username': 'alice', 'user-agent': player };
  const response = await it.get(`/hls/${streams[stream]}/${path}`, { headers });
  if (response.ok) {
    await response.text();
    return 'ok';
  }
  return `${response.status} ${(await json(response)).code}`;
}

const sessions = async (): Promise<string[]> =>
  (await json(it.get('/sessions'))).sessions.map(
    ({ stream_id, user_agent }: { stream_id: string; user_agent: string }) =>
      `${user_agent} on ${streams.indexOf(stream_id)}`,
  );

test('polls and segments are one session; from another address the limit holds', async () => {
  for (let i = 0; i < 3; i++) {
    expect(await ask(0, 'TV')).toBe('ok');
    expect(await ask(0, 'TV', 'segment/0.ts')).toBe('ok');
  }
  expect(await sessions()).toEqual(['TV on 0']);
  expect(await ask(1, 'Phone', 'playlist.m3u8', '192.0.2.2')).toBe('429 USER_LIMIT');
  expect(edge.audience.viewers()).toHaveLength(1);
});

test('a player zaps there and back at once; another one that was replaced waits', async () => {
  for (const stream of [0, 1, 0, 1]) {
    expect(await ask(stream, 'TV')).toBe('ok');
    expect(await sessions()).toEqual([`TV on ${stream}`]);
    expect(edge.audience.viewers().map(({ streamId }) => streamId)).toEqual([streams[stream]]);
  }
  expect(await ask(0, 'Phone')).toBe('ok');
  expect(await sessions()).toEqual(['Phone on 0']);
  // The television goes on polling.
  expect(await ask(1, 'TV')).toBe('410 VIEWER_ENDED');
  expect(await ask(1, 'TV', 'segment/0.ts')).toBe('410 VIEWER_ENDED');
  expect(await ask(0, 'Phone')).toBe('ok');
});

test('an operator ends a session: its polls are answered 410', async () => {
  await ask(0, 'TV');
  const [{ session_id }] = (await json(it.get('/sessions'))).sessions;
  expect(await json(it.send('DELETE', `/sessions/${session_id}`))).toMatchObject({ confirmed: true });
  expect(edge.audience.viewers()).toEqual([]);
  expect(await ask(0, 'TV')).toBe('410 VIEWER_ENDED');
  expect(await sessions()).toEqual([]);
});

test('a viewer that left has no session soon after', async () => {
  await ask(0, 'TV');
  edge.audience.end(streams[0] ?? '', 'left');
  const deadline = Date.now() + 30_000;
  while ((await sessions()).length > 0 && Date.now() < deadline) await sleep(50);
  expect(await sessions()).toEqual([]);
});
