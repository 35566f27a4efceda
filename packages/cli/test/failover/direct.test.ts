import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { api, download, makeSample, waitFor } from '@streampool/testkit';
import { useStage } from '../e2e/stage.ts';

const stage = useStage();

test('each viewer of a direct stream fails over alone', async () => {
  for (const path of ['/primary.ts', '/spare.ts'])
    stage.provider.live(path, stage.sample, { start: 'fresh' });
  const { url, id } = await stage.create('streams', {
    url: stage.provider.url('/primary.ts'),
    failover_urls: [stage.provider.url('/spare.ts')],
  });
  const players = [stage.play(url), stage.play(url)];
  await Promise.all(players.map((player) => player.waitForMedia(1)));
  stage.provider.fault('/primary.ts', { kind: 'html' });
  stage.provider.cut('/primary.ts');
  await waitFor(() => stage.provider.stats('/spare.ts').current === 2);
  await Promise.all(players.map((player) => player.waitForMedia(1)));
  expect(players.flatMap(({ check }) => check.notes)).toEqual([]);
  const { body } = await api(stage.server, 'GET', `/streams/${id}`);
  expect(body).toMatchObject({ stream: { state: 'live', current_failover_index: 1 } });
  // Who comes now tries the primary first, and gets what plays.
  await stage.play(url).waitForPicture();
  await stage.hangUp();
  await waitFor(() => stage.provider.stats('/spare.ts').current === 0);
});

test('a film survives five cuts, and HEAD and ranges tell the truth about it', async () => {
  const movie = await makeSample({ container: 'mp4', seconds: 20, gopSeconds: 1 });
  const bytes = readFileSync(movie.path);
  stage.provider.file('/movie.mp4', movie.path);
  for (const afterBytes of [1, 100_000, 131_072, 7, 200_001])
    stage.provider.fault('/movie.mp4', { kind: 'cut', afterBytes, how: 'rst' }, { times: 1 });
  const { url } = await stage.create('streams', { url: stage.provider.url('/movie.mp4') });
  const { body, end } = await download(url);
  expect(end).toBe('complete');
  expect(createHash('sha256').update(body).digest('hex')).toBe(
    createHash('sha256').update(bytes).digest('hex'),
  );
  const head = await download(url, { method: 'HEAD' });
  expect(head.head.headers['content-length']).toBe(`${bytes.length}`);
  const tail = await download(url, { headers: { range: 'bytes=-1000' } });
  expect(tail.head.headers['content-range']).toBe(
    `bytes ${bytes.length - 1_000}-${bytes.length - 1}/${bytes.length}`,
  );
  expect(tail.body.equals(bytes.subarray(-1_000))).toBe(true);
});
