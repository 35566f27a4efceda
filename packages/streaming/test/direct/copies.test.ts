import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Download, download, FakeProvider, type Fault, makeSample, waitFor } from '@streampool/testkit';
import { type Edge, edge } from './wire.ts';

let provider: FakeProvider;
let directory: string;
let movie: string;
let bytes: Buffer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'copies-'));
  provider = await FakeProvider.start();
  const sample = await makeSample({ container: 'mp4', seconds: 20, gopSeconds: 1 });
  movie = sample.path;
  bytes = readFileSync(movie);
});
afterAll(async () => {
  await provider.close();
  rmSync(directory, { recursive: true, force: true });
});

const CUT: Fault = { kind: 'cut', afterBytes: 150_001, how: 'rst' };
/** Patient, but for the silence of sources that are told to fall silent. */
const timeouts = (stallMs = 10_000) => ({
  ...{ connectMs: 10_000, firstByteMs: 10_000, stallMs },
  resume: { attempts: 6, backoffMs: 10, deadlineMs: 20_000 },
});

function sha(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}

interface Watched extends Download {
  readonly server: Edge;
}

/** Downloads a path through a viewer of its own, who has the other paths to fail over to. */
async function fetchFile(
  path: string,
  { others = [], range, stallMs }: { others?: readonly string[]; range?: string; stallMs?: number } = {},
): Promise<Watched> {
  const server = await edge(provider.url(''), {
    failoverUrls: others.map((other) => provider.url(other)),
    timeouts: timeouts(stallMs),
  });
  const headers = range === undefined ? {} : { range };
  const answer = await download(`${server.url}${path}`, { headers });
  await server.close();
  return { ...answer, server };
}

test.each(['rst', 'fin'] as const)('a film with five cuts is the same film (%s)', async (how) => {
  const path = `/five-${how}.mp4`;
  provider.file(path, movie, { bytesPerSecond: 4_000_000 });
  for (const afterBytes of [1, 70_000, 131_072, 131_073, 90_007])
    provider.fault(path, { kind: 'cut', afterBytes, how }, { times: 1 });
  const { body, end } = await fetchFile(path);
  expect(end).toBe('complete');
  expect(sha(body)).toBe(sha(bytes));
  expect(provider.stats(path).total).toBe(6);
});

test('so are its last bytes, asked for by a suffix range, with a cut and a silence', async () => {
  provider.file('/end.mp4', movie);
  provider.fault('/end.mp4', CUT, { times: 1 });
  provider.fault('/end.mp4', { kind: 'stall', afterBytes: 20_000 }, { times: 1 });
  const { head, body } = await fetchFile('/end.mp4', { range: 'bytes=-400000', stallMs: 300 });
  expect(head.status).toBe(206);
  expect(head.headers['content-range']).toBe(
    `bytes ${bytes.length - 400_000}-${bytes.length - 1}/${bytes.length}`,
  );
  expect(sha(body)).toBe(sha(bytes.subarray(-400_000)));
});

describe('where the URL is gone in the middle', () => {
  /** The first connection of `/film.mp4` breaks off; then its URL is refused. */
  function breakOff(etag: string | false): void {
    provider.clearFaults();
    provider.file('/film.mp4', movie, { etag });
    provider.fault('/film.mp4', CUT, { times: 1 });
    provider.fault('/film.mp4', { kind: 'status', status: 404 });
  }

  test('another one goes on that proves to have the same file', async () => {
    breakOff('"film-1"');
    provider.file('/other.mp4', movie, { etag: '"another film"' });
    provider.file('/copy.mp4', movie, { etag: '"film-1"' });
    provider.fault('/copy.mp4', CUT, { times: 1 });
    const { body, end } = await fetchFile('/film.mp4', { others: ['/other.mp4', '/copy.mp4'] });
    expect(end).toBe('complete');
    expect(sha(body)).toBe(sha(bytes));
    // The same URL first; whoever proved to have the file is asked again after the next break.
    expect(provider.stats('/film.mp4').total).toBeGreaterThanOrEqual(2);
    expect(provider.stats('/copy.mp4').total).toBe(2);
  });

  test.each<[string, string | false, string | false, boolean]>([
    ['it has another ETag', '"film-1"', '"film-2"', false],
    ['its ETag is weak', 'W/"film-1"', 'W/"film-1"', false],
    ['it has no ETag', '"film-1"', false, false],
    ['nobody has an ETag', false, false, false],
    ['it has another length', '"film-1"', '"film-1"', true],
  ])('no other one is spliced on: %s', async (_what, etag, otherEtag, shorter) => {
    breakOff(etag);
    let file = movie;
    if (shorter) {
      file = join(directory, 'shorter.mp4');
      writeFileSync(file, bytes.subarray(0, bytes.length - 1));
    }
    provider.file('/copy.mp4', file, { etag: otherEtag });
    const { body, end, server } = await fetchFile('/film.mp4', { others: ['/copy.mp4'] });
    // Not an end that looks like one.
    expect(end).toBe('reset');
    expect(body.equals(bytes.subarray(0, body.length))).toBe(true);
    expect(body.length).toBeLessThan(bytes.length);
    expect(await server.viewers[0]!.closed).toBe('failed');
    expect(server.viewers[0]!.error?.code).toMatch(/^UPSTREAM_(STATUS|CHANGED)$/);
  });
});

test('a file that was replaced in the middle is not spliced, even if it has the same length', async () => {
  const file = join(directory, 'replaced.mp4');
  copyFileSync(movie, file);
  provider.file('/replaced.mp4', file, { bytesPerSecond: 2_000_000 });
  provider.fault('/replaced.mp4', { kind: 'stall', afterBytes: 200_000 }, { times: 1 });
  const server = await edge(provider.url(''), { timeouts: timeouts(300) });
  const answer = download(`${server.url}/replaced.mp4`);
  await waitFor(() => provider.stats('/replaced.mp4').bytes >= 200_000);
  writeFileSync(file, Buffer.alloc(bytes.length, 7));
  utimesSync(file, new Date(), new Date(Date.now() + 60_000));
  const { body, end } = await answer;
  expect(end).toBe('reset');
  expect(body.equals(bytes.subarray(0, body.length))).toBe(true);
  expect(server.viewers[0]!.error?.code).toBe('UPSTREAM_CHANGED');
  await server.close();
});
