import { probe } from '@streampool/testkit';
import { useStage } from './stage.ts';

/** Programs in Python look at a page first. */
const stage = useStage({ env: { STREAM_TIMEOUT: '20', RESOLVER_TIMEOUT: '18' } });

test.each([
  ['streamlink', 'best', '/channel/index.m3u8'],
  ['ytdlp', 'best', '/page.html'],
] as const)('a stream that %s finds on a page', async (resolver, resolver_args, path) => {
  stage.provider.hls('/channel/', stage.sample, { segmentSeconds: 2 });
  stage.provider.route('/page.html', (exchange) =>
    exchange.reply(200, '<video src="/channel/index.m3u8"></video>', { 'content-type': 'text/html' }),
  );
  const request = { url: stage.provider.url(path), resolver, resolver_args };
  const response = await fetch(`${stage.server.url}/transcode`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const answer = (await response.json()) as { code?: string; stream_endpoint: string };
  // Neither is needed for anything else: where it is not installed, the API says so.
  if (response.status === 503) {
    expect(answer.code).toBe('RESOLVER_MISSING');
    return;
  }
  expect(answer).toMatchObject({ stream_type: 'resolver', resolver, resolver_args, format: 'mpegts' });
  const players = [0, 1].map(() =>
    stage.play(`${stage.server.url}${answer.stream_endpoint}`, { record: true }),
  );
  await Promise.all(players.map((player) => player.waitForMedia(3, 40_000)));
  for (const player of players) expect(player.check.notes).toEqual([]);
  const { streams } = await probe(players[0]!.saveRecording(stage.file(`${resolver}.ts`)));
  expect(streams.map(({ codec_name }) => codec_name).sort()).toEqual(['aac', 'h264']);
});
