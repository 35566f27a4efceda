import { type Fault, ffmpegsOf, Player, refusedUrl, waitFor } from '@streampool/testkit';
import { COPY, useStage } from './stage.ts';

const stage = useStage({ env: { STREAM_TIMEOUT: '3' } });

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

// Side by side: most of them wait for a time to be over.
describe.each(['direct', 'shared', 'transcode'] as const)('%s', (kind) => {
  test.concurrent.each(FAULTS)('a source that %s', async (what, fault, status, code) => {
    const path = `/${kind}/${what.replaceAll(' ', '-')}.ts`;
    stage.provider.live(path, stage.sample, { start: 'keyframe' });
    if (fault !== 'refused') stage.provider.fault(path, fault);
    const url = fault === 'refused' ? await refusedUrl(path) : stage.provider.url(path);
    const stream = await (kind === 'transcode'
      ? stage.create('transcode', { url, profile: COPY })
      : stage.create('streams', { url, shared: kind === 'shared' }));
    const player = new Player(stream.url, { record: true, check: false });
    const head = await player.waitForHead();
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
