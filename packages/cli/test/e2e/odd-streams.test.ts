import { readFileSync, writeFileSync } from 'node:fs';
import { decodeErrors, makeSample, Player, probe, type SampleOptions } from '@streampool/testkit';
import { useStage } from './stage.ts';

const stage = useStage();

// All run side by side: most of what they do is to watch. Nobody hangs up before all have ended.
const players: Player[] = [];
afterAll(() => Promise.all(players.map((player) => player.close())));

function play(url: string): Player {
  const player = new Player(url, { record: true });
  players.push(player);
  return player;
}

let files = 0;
const fileOf = (path: string): string => stage.file(`${path.replaceAll('/', '')}-${++files}.ts`);

/** What viewers of a shared stream of this source get: the second joins when the first has its picture. */
async function watch(path: string, seconds = 2): Promise<Player> {
  const { url } = await stage.create('streams', { url: stage.provider.url(path), shared: true });
  const pair = [play(url)];
  await pair[0]!.waitForPicture();
  pair.push(play(url));
  await Promise.all(pair.map((player) => player.waitForMedia(seconds)));
  for (const player of pair) {
    expect(player.check.notes).toEqual([]);
    expect(player.check.firstPicture).toMatchObject({ undecodable: 0 });
    expect(await decodeErrors(player.saveRecording(fileOf(path)))).toEqual([]);
  }
  return pair[1]!;
}

test.concurrent.each<[string, SampleOptions]>([
  ['HEVC', { codec: 'hevc' }],
  ['MPEG-2 video', { codec: 'mpeg2', audio: [{ codec: 'mp2' }] }],
  ['sound alone', { codec: 'audio' }],
  ['pictures alone', { audio: [] }],
  [
    'three languages',
    { audio: [{ language: 'eng' }, { codec: 'ac3', language: 'fra' }, { codec: 'mp2', language: 'deu' }] },
  ],
])('%s', async (name, options) => {
  const path = `/${name.replaceAll(' ', '-')}.ts`;
  const sample = await makeSample({ seconds: 4, gopSeconds: 1, ...options });
  stage.provider.live(path, sample, { start: 'live' });
  const player = await watch(path);
  const { streams } = await probe(player.saveRecording(fileOf(path)));
  const expected = (await probe(sample.path)).streams;
  const facts = (list: typeof streams): unknown[] =>
    list.map(({ codec_name, codec_type, tags }) => [codec_type, codec_name, tags?.language]);
  expect(facts(streams)).toEqual(facts(expected));
});

test.concurrent.each(['h264', 'hevc', 'mpeg2'] as const)(
  '%s without random_access_indicator',
  async (codec) => {
    const sample = await makeSample({ codec, seconds: 4, gopSeconds: 1 });
    stage.provider.live(`/unmarked-${codec}.ts`, sample, { start: 'live', randomAccess: false });
    await watch(`/unmarked-${codec}.ts`);
  },
);

test.concurrent('packets of 192 bytes', async () => {
  const sample = await makeSample({ container: 'm2ts', seconds: 12, gopSeconds: 1 });
  const pace = sample.bytes / sample.seconds;
  stage.provider.file('/blu-ray', sample.path, { bytesPerSecond: pace, ranges: false, chunked: true });
  await watch('/blu-ray');
});

test.concurrent('timestamps that wrap', async () => {
  stage.provider.live('/wrap.ts', stage.sample, { start: 'fresh', firstPcr: 2 ** 33 - 2 * 90_000 });
  await watch('/wrap.ts', 3);
});

test.concurrent('PIDs that change in mid-stream', async () => {
  const one = await makeSample({ seconds: 4, gopSeconds: 1 });
  const extra = ['-mpegts_start_pid', '0x300', '-mpegts_pmt_start_pid', '0x1100', '-output_ts_offset', '4'];
  const two = await makeSample({ seconds: 8, gopSeconds: 1, extra });
  const path = stage.file('both.ts');
  writeFileSync(path, joined(readFileSync(one.path), readFileSync(two.path)));
  const pace = (one.bytes + two.bytes) / 12;
  stage.provider.file('/changing', path, {
    bytesPerSecond: pace,
    ranges: false,
    chunked: true,
    contentType: 'video/mp2t',
  });
  const { url } = await stage.create('streams', { url: stage.provider.url('/changing'), shared: true });
  const early = play(url);
  await early.waitForPicture();
  await early.waitForBytes(one.bytes * 1.3);
  const late = play(url);
  await late.waitForMedia(1);
  for (const player of [early, late]) {
    expect(player.check.notes).toEqual([]);
    expect(await decodeErrors(player.saveRecording(fileOf('changed')))).toEqual([]);
  }
  const ids = (await probe(late.saveRecording(fileOf('late')))).streams.map(({ id }) => id);
  expect(ids).toHaveLength(2);
});

/** Two recordings behind each other, with the counters of the PIDs that both have (PAT, SDT) going on. */
function joined(first: Buffer, second: Buffer): Buffer {
  const bytes = Buffer.concat([first, second]);
  const last = new Map<number, number>();
  for (let at = 0; at < bytes.length; at += 188) {
    const pid = bytes.readUInt16BE(at + 1) & 0x1fff;
    const counter =
      at < first.length ? bytes[at + 3]! & 15 : ((last.get(pid) ?? -1) + ((bytes[at + 3]! >> 4) & 1)) & 15;
    bytes[at + 3] = (bytes[at + 3]! & 0xf0) | counter;
    last.set(pid, counter);
  }
  return bytes;
}
