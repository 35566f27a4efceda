import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, makeSample, waitFor } from '@streampool/testkit';
import { decodeBytes } from '../../src/index.ts';

const GRAY = ['-map', '0:v:0', '-frames:v', '1', '-vf', 'scale=8:4,format=gray', '-f', 'rawvideo', 'pipe:1'];
const OPTIONS = { ffmpegPath: 'ffmpeg', args: GRAY, maxOutputBytes: 32, deadlineMs: 20_000 };

let directory: string;
let media: Buffer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'streampool-decode-'));
  media = readFileSync((await makeSample({ seconds: 6, gopSeconds: 1 })).path);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A program in FFmpeg's place that writes its pid to a file first. */
function impostor(script: string): { path: string; isGone: () => boolean; hasBegun: () => boolean } {
  const path = join(directory, `program-${Math.random().toString(36).slice(2)}`);
  writeFileSync(path, `#!/bin/sh\necho $$ > ${path}.pid\n${script}\n`);
  chmodSync(path, 0o755);
  // Whatever was killed before it came to write its pid is gone as well.
  const pid = (): number => (existsSync(`${path}.pid`) ? Number(readFileSync(`${path}.pid`, 'utf8')) : 0);
  return { path, isGone: () => pid() === 0 || !isAlive(pid()), hasBegun: () => pid() > 0 };
}

test('decodes a picture out of memory, though not all of the input is read', async () => {
  const picture = await decodeBytes({ ...OPTIONS, input: media });
  expect(picture.length).toBe(32);
  expect(new Set(picture).size).toBeGreaterThan(4);
});

test('what cannot be decoded fails, with a code', async () => {
  const garbage = Buffer.alloc(200_000, 0x11);
  await expect(decodeBytes({ ...OPTIONS, input: garbage })).rejects.toMatchObject({ code: 'FFMPEG_FAILED' });
});

test('a program that hangs is killed at the deadline, however it takes signals', async () => {
  const { path, isGone } = impostor('trap "" TERM; cat > /dev/null; while :; do sleep 1; done');
  const run = decodeBytes({ ...OPTIONS, ffmpegPath: path, input: media, deadlineMs: 500 });
  await expect(run).rejects.toMatchObject({ code: 'FFMPEG_STALLED' });
  await waitFor(isGone, { what: 'the program is gone' });
});

test('a program that writes without end is killed at its budget', async () => {
  const out = impostor('while :; do echo 0123456789; done');
  const run = decodeBytes({ ...OPTIONS, ffmpegPath: out.path, input: media });
  await expect(run).rejects.toMatchObject({ code: 'FFMPEG_FAILED' });
  const err = impostor('while :; do echo 0123456789 >&2; done');
  await expect(decodeBytes({ ...OPTIONS, ffmpegPath: err.path, input: media })).rejects.toMatchObject({
    code: 'FFMPEG_FAILED',
  });
  await waitFor(() => out.isGone() && err.isGone(), { what: 'the programs are gone' });
});

test('can be taken back, with whatever it has started', async () => {
  const { path, isGone, hasBegun } = impostor('cat > /dev/null & sleep 300');
  const abort = new AbortController();
  const run = decodeBytes({ ...OPTIONS, ffmpegPath: path, input: media, signal: abort.signal });
  const ended = expect(run).rejects.toMatchObject({ code: 'FFMPEG_FAILED' });
  await waitFor(hasBegun);
  abort.abort();
  await ended;
  await waitFor(isGone, { what: 'the program is gone' });
});

test('says that FFmpeg is missing', async () => {
  await expect(decodeBytes({ ...OPTIONS, ffmpegPath: '/no/ffmpeg', input: media })).rejects.toMatchObject({
    code: 'FFMPEG_MISSING',
  });
});
