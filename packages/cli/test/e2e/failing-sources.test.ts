import { api, type Fault, ffmpegsOf, refusedUrl, waitFor } from '@streampool/testkit';
import { COPY, useStage } from './stage.ts';

const stage = useStage();

const FAULTS: [string, Fault | 'refused', number, string][] = [
  ['refuses connections', 'refused', 502, 'UPSTREAM_CONNECT_FAILED'],
  ['resets connections', { kind: 'reset' }, 502, 'UPSTREAM_'],
  ['speaks no HTTP', { kind: 'not-http' }, 502, 'UPSTREAM_PROTOCOL'],
  ['answers 403', { kind: 'status', status: 403 }, 502, 'UPSTREAM_STATUS'],
  ['answers 404', { kind: 'status', status: 404 }, 502, 'UPSTREAM_STATUS'],
  ['answers 503', { kind: 'status', status: 503 }, 502, 'UPSTREAM_STATUS'],
  ['answers with a web page', { kind: 'html' }, 502, 'UPSTREAM_NOT_MEDIA'],
  ['never answers', { kind: 'no-head' }, 504, 'UPSTREAM_TIMEOUT'],
  ['answers and sends nothing', { kind: 'stall', afterBytes: 0 }, 504, '_TIMEOUT'],
];

describe.each(['direct', 'shared', 'transcode'] as const)('%s', (kind) => {
  test.each(FAULTS)('a source that %s', async (what, fault, status, code) => {
    const path = `/${kind}/${what.replaceAll(' ', '-')}.ts`;
    stage.provider.live(path, stage.sample, { start: 'keyframe' });
    if (fault !== 'refused') stage.provider.fault(path, fault);
    const url = fault === 'refused' ? await refusedUrl(path) : stage.provider.url(path);
    const stream = await (kind === 'transcode'
      ? stage.create('transcode', { url, profile: COPY })
      : stage.create('streams', { url, shared: kind === 'shared' }));
    const player = stage.play(stream.url, { record: true, check: false });
    const began = performance.now();
    const head = await player.waitForHead();
    // STREAM_TIMEOUT is 3 s.
    expect(performance.now() - began).toBeLessThan(4_500);
    await player.ended;
    expect(head.status).toBe(status);
    expect(JSON.parse(player.recording.toString())).toMatchObject({
      code: expect.stringContaining(code),
      detail: expect.any(String),
      request_id: expect.any(String),
    });
    await waitFor(() => ffmpegsOf(stage.server.pid).length === 0 && stage.provider.stats(path).current === 0);
  });
});

test('the next URL is tried, and named by its index', async () => {
  stage.provider.live('/good.ts', stage.sample, { start: 'keyframe' });
  const stream = await stage.create('transcode', {
    url: await refusedUrl('/primary.ts'),
    failover_urls: [stage.provider.url('/missing.ts'), stage.provider.url('/good.ts')],
    profile: COPY,
  });
  const player = stage.play(stream.url);
  await player.waitForPicture();
  const { body } = await api(stage.server, 'GET', `/streams/${stream.id}`);
  expect(body).toMatchObject({ stream: { current_failover_index: 2 } });
});
