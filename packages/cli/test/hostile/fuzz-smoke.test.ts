import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { addressesFfmpegSees } from '../../../../scripts/fuzzing/ffmpeg-reading.ts';

const FUZZ = fileURLToPath(new URL('../../../../scripts/fuzz.ts', import.meta.url));

interface Report {
  readonly target: string;
  readonly inputs: number;
  readonly blocks: number;
  readonly findings: readonly { readonly message: string }[];
}

test('five seconds of fuzzing find nothing in any parser', async () => {
  const child = spawn(process.execPath, [FUZZ, '--seconds', '5', '--workers', '3', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  await new Promise((resolve) => child.on('close', resolve));
  const { reports } = JSON.parse(output) as { reports: Report[] };
  expect(reports.flatMap(({ target, findings }) => findings.map(({ message }) => [target, message]))).toEqual(
    [],
  );
  expect(reports.length).toBeGreaterThanOrEqual(12);
  for (const { target, inputs, blocks } of reports) {
    expect([target, inputs > 20]).toEqual([target, true]);
    expect([target, blocks > 10]).toEqual([target, true]);
  }
});

test.each([
  ['#EXT-X-KEY:METHOD=AES-128 URI="http://evil/k"', 'http://evil/k'],
  ['#EXT-X-KEY:X="\\"Y=",URI="http://evil/k"', 'http://evil/k'],
  ['#EXT-X-KEY:_="A=",URI="http://evil/k"', 'http://evil/k'],
  ['# a\0http://evil/a.ts', 'http://evil/a.ts'],
  ['http://evil/a.ts', 'http://evil/a.ts'],
])('what FFmpeg takes for an address in %j is what the fuzzing looks for', (line, address) => {
  expect(addressesFfmpegSees(Buffer.from(`#EXTM3U\n${line}\n`))).toEqual([address]);
});
