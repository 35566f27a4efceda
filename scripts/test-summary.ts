/**
 * Sums a test run up: `node test-summary.ts <jest's JSON> <failed checks> <jest's exit code>`. Names what failed, ends
 * with the line `N passed, N failed`, and exits with 1 if anything did.
 */
import { readFileSync } from 'node:fs';

interface JestResult {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numRuntimeErrorTestSuites: number;
  testResults: {
    name: string;
    status: string;
    startTime: number;
    endTime: number;
    assertionResults: { status: string; fullName: string }[];
  }[];
}

const [path = '', checks = '0', exitCode = '0'] = process.argv.slice(2);
const result = read(path);
const passed = result?.numPassedTests ?? 0;
let failed = Number(checks) + (result ? result.numFailedTests + result.numRuntimeErrorTestSuites : 1);
// Jest can fail without a failed test, for example when nothing matches.
if (failed === 0 && exitCode !== '0') failed = 1;

for (const file of result?.testResults ?? []) {
  const name = file.name.replace(`${process.cwd()}/`, '');
  const failures = file.assertionResults.filter(({ status }) => status === 'failed');
  for (const { fullName } of failures) console.log(`FAILED ${name}: ${fullName}`);
  if (file.status === 'failed' && failures.length === 0) console.log(`FAILED ${name}: could not be run`);
}
if (result) {
  const slowest = result.testResults
    .map(({ name, startTime, endTime }) => ({ name, seconds: (endTime - startTime) / 1_000 }))
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, 3);
  const list = slowest.map(
    ({ name, seconds }) => `${name.replace(`${process.cwd()}/`, '')} ${seconds.toFixed(0)} s`,
  );
  console.log(`slowest: ${list.join(', ')}`);
  if (result.numPendingTests > 0) console.log(`skipped: ${result.numPendingTests}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function read(file: string): JestResult | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as JestResult;
  } catch {
    console.log('jest ended without a result');
    return undefined;
  }
}
