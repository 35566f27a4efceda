import type { FileResult, JestResult } from './jest-result.ts';
import { secondTry } from './second-try.ts';
import { tally } from './tally.ts';

const END_TO_END = '/project/packages/cli/test/e2e/';

function file(
  name: string,
  statuses: Readonly<Record<string, string>>,
  message = 'Error: why\n  at',
): FileResult {
  const assertionResults = Object.entries(statuses).map(([fullName, status]) => ({
    ...{ fullName, status, failureMessages: status === 'failed' ? [message] : [] },
  }));
  const status = Object.values(statuses).includes('failed') ? 'failed' : 'passed';
  return { name, status, startTime: 0, endTime: 1, assertionResults };
}

/** Of a file whose modules cannot be loaded. */
const unrun = (name: string): FileResult => ({ ...file(name, {}), status: 'failed' });

const run = (...testResults: FileResult[]): JestResult => ({
  ...{ numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numRuntimeErrorTestSuites: 0 },
  testResults,
});

describe('what is run again', () => {
  test('end-to-end files that failed', () => {
    const failed = [file(`${END_TO_END}a.test.ts`, { one: 'failed' }), unrun(`${END_TO_END}b.test.ts`)];
    const passed = file(`${END_TO_END}c.test.ts`, { one: 'passed' });
    expect(secondTry(run(...failed, passed))).toEqual(failed);
  });

  test('nothing where something else has failed as well', () => {
    const one = file(`${END_TO_END}a.test.ts`, { one: 'failed' });
    const logic = file('/project/packages/state/test/b.test.ts', { one: 'failed' });
    expect(secondTry(run(one, logic))).toEqual([]);
  });

  test('nothing where much has failed', () => {
    const failed = [1, 2, 3, 4].map((n) => file(`${END_TO_END}${n}.test.ts`, { one: 'failed' }));
    expect(secondTry(run(...failed))).toEqual([]);
    expect(secondTry(run(...failed.slice(1)))).toHaveLength(3);
  });

  test('no counterexample', () => {
    const failed = file(`${END_TO_END}a.test.ts`, { one: 'failed' }, 'Error: Property failed after 3 tests');
    expect(secondTry(run(failed))).toEqual([]);
  });
});

describe('figures', () => {
  const first = run(
    file('a.test.ts', { one: 'passed', two: 'failed', three: 'pending' }),
    file('b.test.ts', { four: 'passed' }),
    unrun('c.test.ts'),
  );

  test('of one run', () => {
    const lines = ['FAILED a.test.ts: two', 'FAILED c.test.ts: could not be run'];
    expect(tally(first)).toEqual({ passed: 2, failed: 2, skipped: 1, lines });
  });

  test('what was run again counts as it came out then, and is named', () => {
    const again = run(
      file('a.test.ts', { one: 'passed', two: 'passed', three: 'pending' }),
      unrun('c.test.ts'),
    );
    expect(tally(first, again)).toEqual({
      ...{ passed: 3, failed: 1, skipped: 1 },
      lines: [
        'TRIED AGAIN a.test.ts: two: Error: why',
        'TRIED AGAIN c.test.ts: could not be run',
        'FAILED c.test.ts: could not be run',
      ],
    });
  });
});
