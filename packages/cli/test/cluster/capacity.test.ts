import { waitFor } from '@streampool/testkit';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage, expectUndisturbed } from './cluster-stage.ts';

const stage = new ClusterStage();
beforeAll(() => stage.open({ gateways: 1, workers: 2, env: { MAX_STREAMS: '2', MAX_ENCODERS: '1' } }));
afterAll(() => stage.close());

test('workers take what they have room for, and nobody waits for a picture that nobody can play', async () => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
  const source = (name: string): string => stage.provider.url(`/live.ts?${name}`);
  const transcoded = async (name: string): Promise<string> =>
    (await stage.create('transcode', { url: source(name), profile: COPY })).id;
  const shared = async (name: string): Promise<string> =>
    (await stage.create('streams', { url: source(name), shared: true })).id;
  const [first, second] = stage.workers as [(typeof stage.workers)[0], (typeof stage.workers)[0]];
  const gateway = stage.gateways[0]!;

  // Viewers of the first worker: it plays one FFmpeg, and lets the other worker play the other.
  const [a, b, c, d] = [
    await transcoded('a'),
    await transcoded('b'),
    await transcoded('c'),
    await shared('d'),
  ];
  const players = [...(await stage.audience([first], a, 1)), ...(await stage.audience([first], b, 1))];
  await stage.waitForRecord(a, { owner: first.name });
  await stage.waitForRecord(b, { owner: second.name });
  expect((await stage.state.listWorkers()).filter(({ role }) => role !== 'gateway')).toMatchObject([
    { capacity: 2, maxEncoders: 1, encoders: 1, ownedStreams: 1 },
    { capacity: 2, maxEncoders: 1, encoders: 1, ownedStreams: 1 },
  ]);

  for (const node of [gateway, first, second]) {
    const begun = performance.now();
    const refused = await fetch(`${node.url}/stream/${c}`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await refused.json()).toMatchObject({ code: 'CAPACITY_EXHAUSTED' });
    // STREAM_TIMEOUT is 15 s.
    expect(performance.now() - begun).toBeLessThan(10_000);
  }
  // What needs no FFmpeg has room, and what plays takes any number of viewers.
  players.push(...(await stage.audience([gateway], d, 1)), ...(await stage.audience([gateway], a, 2)));
  expectUndisturbed(players);
  expect(stage.ffmpegs()).toHaveLength(2);

  await players[1]!.close();
  const hasRoom = async (): Promise<boolean> => {
    const worker = (await stage.state.listWorkers()).find(({ id }) => id === second.name);
    return worker?.encoders === 0;
  };
  await waitFor(hasRoom, { what: 'an FFmpeg less' });
  const isLetIn = async (): Promise<boolean> => {
    const answer = await fetch(`${gateway.url}/stream/${c}`);
    await answer.body?.cancel();
    return answer.ok;
  };
  await waitFor(isLetIn, { what: 'a gateway that has seen it' });
  const [newcomer] = await stage.audience([gateway], c, 1);
  await stage.waitForRecord(c, { owner: second.name });
  expectUndisturbed([newcomer!, players[0]!]);
});
