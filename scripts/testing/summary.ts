/**
 * Sums a test run up: `node summary.ts <jest's JSON> <failed checks> <jest's exit code> [<JSON of the files run again>]`.
 * Names what failed and what was run again, ends with the line `N passed, N failed`, and exits with 1 if anything failed.
 */
import { type JestResult, readResult, shortName } from './jest-result.ts';
import { tally } from './tally.ts';

const [path = '', checks = '0', exitCode = '0', againPath] = process.argv.slice(2);
const result = readResult(path);
const again = againPath === undefined ? undefined : readResult(againPath);
let passed = 0;
let failed = Number(checks);
if (result) {
  const { lines, skipped, ...counts } = tally(result, again);
  passed = counts.passed;
  failed += counts.failed;
  for (const line of lines) console.log(line);
  console.log(`slowest: ${slowest(result).join(', ')}`);
  if (skipped > 0) console.log(`skipped: ${skipped}`);
} else {
  console.log('jest ended without a result');
  failed += 1;
}
// Jest can fail without a failed test, for example when nothing matches.
if (failed === 0 && exitCode !== '0') failed = 1;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function slowest({ testResults }: JestResult): string[] {
  return testResults
    .map((file) => ({ name: shortName(file), seconds: (file.endTime - file.startTime) / 1_000 }))
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, 3)
    .map(({ name, seconds }) => `${name} ${seconds.toFixed(0)} s`);
}
