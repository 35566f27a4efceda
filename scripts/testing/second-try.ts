import type { FileResult, JestResult } from './jest-result.ts';

/** More failed files than that are no coincidence. */
const MOST_FILES = 3;

/** Below it are the tests in which whole servers run, are killed and stopped, beside others on a busy machine. */
const END_TO_END = 'packages/cli/test/';

/**
 * The end-to-end files that are run again, alone, before they count as failed: all that failed, or none. A counterexample
 * of a property test is a finding, whatever comes out the next time, and so is what fails without processes.
 */
export function secondTry(result: JestResult): FileResult[] {
  const failed = result.testResults.filter(({ status }) => status === 'failed');
  const isWorthIt = failed.length <= MOST_FILES && failed.every(isEndToEnd);
  return isWorthIt ? failed : [];
}

function isEndToEnd({ name, assertionResults }: FileResult): boolean {
  const isProperty = assertionResults.some(({ failureMessages = [] }) =>
    failureMessages.some((message) => message.includes('Property failed')),
  );
  return name.includes(END_TO_END) && !isProperty;
}
