import {
  decodeErrors,
  ffmpegsOf,
  isAlive,
  type ProcessInfo,
  sendSignal,
  startStreampool,
  waitFor,
} from '@streampool/testkit';
import { COPY, TIMES, useStage } from './stage.ts';

const stage = useStage({ env: { STREAM_TIMEOUT: '6' } });
const ffmpegs = (): ProcessInfo[] => ffmpegsOf(stage.server.pid);

beforeEach(() => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
});
// Pools run on for a second: what one test starts must not be counted in the next.
afterEach(() => waitFor(() => ffmpegs().length === 0));

test.each(['default', COPY])(
  'FFmpeg killed: viewers stay, and what they get goes on (%s)',
  async (profile) => {
    const { url } = await stage.create('transcode', { url: stage.provider.url('/live.ts'), profile });
    const players = [stage.play(url, { record: true }), stage.play(url), stage.play(url)];
    await Promise.all(players.map((player) => player.waitForMedia(1)));
    for (let round = 0; round < 2; round++) {
      const [running] = ffmpegs();
      sendSignal(running!.pid, 'SIGKILL');
      await waitFor(() => ffmpegs().some(({ pid }) => pid !== running!.pid));
      await Promise.all(players.map((player) => player.waitForMedia(1)));
    }
    expect(ffmpegs()).toHaveLength(1);
    expect(players.map((player) => player.end).filter(Boolean)).toEqual([]);
    expect(players.flatMap((player) => player.check.notes)).toEqual([]);
    expect(await decodeErrors(players[0]!.saveRecording(stage.file('killed.ts')))).toEqual([]);
    expect(stage.provider.stats('/live.ts').current).toBe(1);
  },
);

test('FFmpeg without output for STREAM_TIMEOUT is replaced', async () => {
  const { url } = await stage.create('transcode', { url: stage.provider.url('/live.ts'), profile: COPY });
  const player = stage.play(url, { record: true });
  await player.waitForMedia(0.5);
  const [stuck] = ffmpegs();
  process.kill(stuck!.pid, 'SIGSTOP');
  await waitFor(() => !isAlive(stuck!.pid), { what: 'the end of the stopped FFmpeg' });
  await player.waitForMedia(1);
  expect(ffmpegs()).toHaveLength(1);
  expect(player.end).toBeUndefined();
  expect(player.check.notes).toEqual([]);
  expect(await decodeErrors(player.saveRecording(stage.file('stopped.ts')))).toEqual([]);
});

test('an FFmpeg that cannot work: the reason, not silence', async () => {
  const { url } = await stage.create('transcode', {
    url: stage.provider.url('/live.ts'),
    profile: '-i {input_url} -vf crop=9000:9000 -c:v libx264 -f mpegts pipe:1',
  });
  const player = stage.play(url, { record: true, check: false });
  expect((await player.waitForHead()).status).toBe(502);
  await player.ended;
  expect(ffmpegs()).toEqual([]);
  expect(JSON.parse(player.recording.toString())).toMatchObject({
    code: expect.stringMatching(/^(FFMPEG_FAILED|STREAM_FAILED)$/),
    detail: expect.stringMatching(/crop|size|filter/i),
  });
});

test('kill -9 of the server leaves no FFmpeg behind', async () => {
  const server = await startStreampool({ env: TIMES });
  try {
    const response = await fetch(`${server.url}/transcode`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ url: stage.provider.url('/live.ts?doomed'), profile: 'default' }),
    });
    const { stream_id } = (await response.json()) as { stream_id: string };
    const player = stage.play(`${server.url}/stream/${stream_id}`);
    await player.waitForPicture();
    expect(ffmpegsOf(server.pid)).toHaveLength(1);
    expect(server.offspring().map(({ name }) => name)).toContain('ffmpeg');
    await server.kill();
    await waitFor(() => server.offspring().length === 0, { what: 'the end of the orphans' });
    await player.ended;
  } finally {
    await server.kill();
  }
});

test('SIGTERM ends the server, its viewers and its FFmpegs', async () => {
  const server = await startStreampool({ env: TIMES });
  const response = await fetch(`${server.url}/transcode`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url: stage.provider.url('/live.ts?ending'), profile: COPY }),
  });
  const { stream_id } = (await response.json()) as { stream_id: string };
  const player = stage.play(`${server.url}/stream/${stream_id}`);
  await player.waitForPicture();
  expect(await server.stop()).toBe(0);
  expect(server.offspring()).toEqual([]);
  await player.ended;
});
