import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FakeProvider,
  Fmp4Media,
  HlsReader,
  type HlsReaderOptions,
  makeFragments,
  makeSample,
  type Sample,
  waitFor,
} from '@streampool/testkit';

let sample: Sample;
let fragments: Sample;
let provider: FakeProvider;
let elsewhere: FakeProvider;
const readers: HlsReader[] = [];
const directory = mkdtempSync(join(tmpdir(), 'testkit-hls-'));
const read = (path: string, options?: HlsReaderOptions): HlsReader => {
  const reader = new HlsReader(provider.url(path), options);
  readers.push(reader);
  return reader;
};

beforeAll(async () => {
  sample = await makeSample({ seconds: 4, gopSeconds: 1 });
  fragments = await makeFragments({ seconds: 4 });
  provider = await FakeProvider.start({ keepAliveMs: 10_000 });
  elsewhere = await FakeProvider.start({ keepAliveMs: 10_000 });
});
afterEach(() => Promise.all(readers.splice(0).map((reader) => reader.close())));
afterAll(async () => {
  await provider.close();
  await elsewhere.close();
  rmSync(directory, { recursive: true });
});

const QUERY = 'sig=a%2Fb+c~d%7e%7E&empty=&=x&e=%E9%e9';

test('every kind keeps the rules, is played without a stall and decodes', async () => {
  const fmp4 = new Fmp4Media(fragments, 2);
  provider.hls('/ts/', sample, { programDateTime: true, extraTags: ['#EXT-X-VENDOR:a="b, c"'] });
  provider.hls('/event/', sample, { type: 'event', uris: 'dots', gzip: true });
  provider.hls('/breaks/', sample, { discontinuities: true, uris: 'root' });
  provider.hls('/aes/', sample, { encryption: 'aes-128', query: QUERY, uris: 'scheme' });
  provider.hls('/fmp4/', fmp4, { uris: 'absolute' });
  provider.hls('/single/', fmp4, { type: 'vod', single: true });
  provider.hls('/ll/', fmp4, { lowLatency: true, window: 10, reports: ['../ts/index.m3u8'] });
  const moved = provider.hls('/moved/', sample, { redirect: (_, name) => elsewhere.url(`/cdn/${name}`) });
  elsewhere.route('/cdn/', (exchange, rest) => moved.serve(exchange, rest, { redirected: true }));
  provider.multivariant('/multi/', {
    ...{ segmentSeconds: 1, query: QUERY, variants: [{ name: 'only', sample, bandwidth: 600_000 }] },
    audio: [{ name: 'English', language: 'en', sample: await sound() }],
    subtitles: [{ name: 'Deutsch', language: 'de' }],
  });
  const kinds = ['ts', 'event', 'breaks', 'aes', 'fmp4', 'single', 'll', 'moved', 'multi'];
  const seen = await Promise.all(
    kinds.map(async (kind) => {
      const entry = kind === 'multi' ? 'main' : 'index';
      const reader = read(`/${kind}/${entry}.m3u8`, {
        record: true,
        lowLatency: kind === 'll',
        checkRetention: true,
      });
      await reader.waitForPlayed(5);
      const report = reader.report();
      await reader.close();
      const { violations, stalls, lost, missed, playlistFailures } = report;
      const connections = reader.client.connections;
      return {
        ...{ kind, violations, stalls, lost, missed, playlistFailures },
        ...{
          errors: await reader.decodeErrors(directory),
          enough: report.segments >= 2,
          kept: connections <= 8,
        },
        breaks: report.discontinuities > 0,
      };
    }),
  );
  const clean = {
    violations: [],
    stalls: 0,
    lost: 0,
    missed: 0,
    playlistFailures: [],
    errors: [],
    enough: true,
    kept: true,
  };
  expect(seen).toEqual(kinds.map((kind) => ({ kind, ...clean, breaks: kind === 'breaks' })));
});

function sound(): Promise<Sample> {
  return makeSample({ codec: 'audio', seconds: 4, extra: ['-pes_payload_size', '0'] });
}

test('a signature is demanded as it was given out', async () => {
  provider.hls('/signed/', sample, { query: QUERY });
  const status = async (path: string): Promise<number> => (await fetch(provider.url(path))).status;
  expect(await status('/signed/index.m3u8')).toBe(200);
  expect(await status(`/signed/segment-0.ts?${QUERY.replace('%7e', '%7E')}`)).toBe(403);
  expect(await status('/signed/segment-0.ts')).toBe(403);
});

test('what a provider does wrong is noticed: a restart, a jump, a stall, failures, and how often it was asked', async () => {
  const restarted = provider.hls('/restarted/', sample);
  const jumping = provider.hls('/jumping/', sample);
  const frozen = provider.hls('/frozen/', sample);
  const failing = provider.hls('/failing/', sample);
  const names = ['restarted', 'jumping', 'frozen', 'failing'];
  const watching = names.map((name) => read(`/${name}/index.m3u8`));
  await Promise.all(watching.map((reader) => reader.waitForPlayed(2)));
  restarted.restart();
  jumping.jump(1_000);
  frozen.freeze();
  failing.failing.playlist = 503;
  const violated = (index: number, rule: string): boolean =>
    watching[index]!.violations.some((text) => text.startsWith(rule));
  await waitFor(() => violated(0, '4.3.3.2'), {
    what: 'the sequence that went back',
  });
  await waitFor(() => watching[1]!.report().missed > 0, { what: 'segments that were missed' });
  await waitFor(() => watching[3]!.report().playlistFailures.includes(503), { what: 'a refused playlist' });
  delete failing.failing.playlist;
  await waitFor(() => watching[2]!.report().stalls > 0, { what: 'a stall' });
  frozen.freeze(false);
  await waitFor(() => violated(2, '6.2.1'), { what: 'an update that was late' });
  expect([violated(1, '4.3.3.2'), violated(3, '4.3.3.2')]).toEqual([false, false]);
  expect(restarted.count('segment').most).toBeLessThanOrEqual(2);
  expect(jumping.count('playlist').total).toBe(watching[1]!.client.requests - jumping.count('segment').total);
});

test('connections above the limit are refused', async () => {
  const narrow = await FakeProvider.start({ keepAliveMs: 5_000 });
  narrow.hls('/narrow/', sample);
  narrow.limitConnections(1);
  const first = new HlsReader(narrow.url('/narrow/index.m3u8'));
  await first.waitForPlayed(0.5);
  const second = new HlsReader(narrow.url('/narrow/index.m3u8'));
  await expect(second.waitForPlayed(1)).rejects.toThrow('403');
  await Promise.all([first.close(), second.close()]);
  expect(narrow.mostConnections).toBe(2);
  await narrow.close();
});
