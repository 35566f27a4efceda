import { readFileSync } from 'node:fs';
import { download, makeSample, type Sample, TsLoop, waitFor } from '@streampool/testkit';
import { useStage } from './stage.ts';

const stage = useStage();

describe('a live stream', () => {
  test('has a connection per viewer, opened by the first byte wanted, closed with the viewer', async () => {
    stage.provider.live('/live.ts', stage.sample);
    const { url } = await stage.create('streams', { url: stage.provider.url('/live.ts') });
    expect(stage.provider.stats('/live.ts').total).toBe(0);
    const players = [stage.play(url), stage.play(url), stage.play(url)];
    await Promise.all(players.map((player) => player.waitForBytes(10_000)));
    expect(stage.provider.stats('/live.ts')).toMatchObject({ current: 3, total: 3 });
    await players[0]!.close('rst');
    await players[1]!.close('fin');
    await waitFor(() => stage.provider.stats('/live.ts').current === 1);
    expect(players[2]!.end).toBeUndefined();
  });

  test.each(['plain', 'chunked', 'gzip'] as const)('is passed on byte for byte (%s)', async (framing) => {
    const path = `/${framing}.ts`;
    stage.provider.live(path, stage.sample, { start: 'fresh', speed: 4, [framing]: true });
    const { url } = await stage.create('streams', { url: stage.provider.url(path) });
    const player = stage.play(url, { record: true });
    await player.waitForBytes(400_000);
    expect(player.head!.headers['content-type']).toBe('video/mp2t');
    const loop = new TsLoop(stage.sample);
    const source = Buffer.concat([0, 1, 2, 3, 4, 5].map((round) => loop.render(round)));
    const got = player.recording;
    expect(got.equals(source.subarray(0, got.length))).toBe(true);
  });

  test('through redirects', async () => {
    stage.provider.live('/live.ts', stage.sample);
    stage.provider.redirect('/one', '/two', { status: 301 });
    stage.provider.redirect('/two', stage.provider.url('/live.ts?token=1'), { status: 307 });
    const { url } = await stage.create('streams', { url: stage.provider.url('/one') });
    await stage.play(url).waitForBytes(10_000);
  });
});

describe('a file', () => {
  let movie: Sample;
  let bytes: Buffer;
  beforeAll(async () => {
    movie = await makeSample({ container: 'mp4', seconds: 20, gopSeconds: 1 });
    bytes = readFileSync(movie.path);
  });
  const create = async (path: string): Promise<string> => {
    stage.provider.file(path, movie.path);
    return (await stage.create('streams', { url: stage.provider.url(path) })).url;
  };

  test('whole, with its length and type', async () => {
    const url = await create('/movie.mp4');
    const { head, body } = await download(url);
    expect(head).toMatchObject({
      status: 200,
      headers: { 'content-type': 'video/mp4', 'content-length': `${bytes.length}`, 'accept-ranges': 'bytes' },
    });
    expect(body.equals(bytes)).toBe(true);
    const only = await download(url, { method: 'HEAD' });
    expect(only.head.headers['content-length']).toBe(`${bytes.length}`);
    expect(only.body).toHaveLength(0);
  });

  test('in parts, from many positions at once', async () => {
    const url = await create('/parts.mp4');
    const starts = Array.from({ length: 12 }, (_, index) => Math.floor((bytes.length / 12) * index));
    const parts = await Promise.all(
      starts.map((start) =>
        download(`${url}?client_id=seeker`, { headers: { range: `bytes=${start}-${start + 9_999}` } }),
      ),
    );
    for (const [index, { head, body }] of parts.entries()) {
      const start = starts[index]!;
      const last = Math.min(start + 9_999, bytes.length - 1);
      expect(head.status).toBe(206);
      expect(head.headers['content-range']).toBe(`bytes ${start}-${last}/${bytes.length}`);
      expect(body.equals(bytes.subarray(start, last + 1))).toBe(true);
    }
    const beyond = await download(url, { headers: { range: `bytes=${bytes.length}-` } });
    expect(beyond.head.status).toBe(416);
  });

  test.each(['rst', 'fin'] as const)(
    'is resumed at the exact byte when the provider breaks off (%s)',
    async (how) => {
      const path = `/broken-${how}.mp4`;
      const url = await create(path);
      stage.provider.fault(path, { kind: 'cut', afterBytes: 123_457, how }, { times: 2 });
      const { body, end } = await download(url);
      expect(end).toBe('complete');
      expect(body.equals(bytes)).toBe(true);
      expect(stage.provider.stats(path).total).toBe(3);
    },
  );
});
