import { type FileResult, type JestResult, shortName } from './jest-result.ts';

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What to tell above the figures: what failed, and what passed only when it was run again, with why it had failed. */
  readonly lines: readonly string[];
}

/** Figures of a run. `again`: of the files of it that were run a second time, which replaces their first. */
export function tally(first: JestResult, again?: JestResult): Tally {
  const second = new Map(again?.testResults.map((file) => [file.name, file]));
  const lines: string[] = [];
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of first.testResults) {
    const last = second.get(file.name) ?? file;
    for (const { status } of last.assertionResults) {
      if (status === 'passed') counts.passed += 1;
      else if (status === 'failed') counts.failed += 1;
      else counts.skipped += 1;
    }
    const isUnrun = last.status === 'failed' && failures(last).length === 0;
    if (isUnrun) counts.failed += 1;
    if (last !== file) lines.push(...failures(file).map((test) => `TRIED AGAIN ${describe(file, test)}`));
    if (last !== file && failures(file).length === 0)
      lines.push(`TRIED AGAIN ${shortName(file)}: could not be run`);
    lines.push(...failures(last).map(({ fullName }) => `FAILED ${shortName(file)}: ${fullName}`));
    if (isUnrun) lines.push(`FAILED ${shortName(file)}: could not be run`);
  }
  return { ...counts, lines };
}

function failures({ assertionResults }: FileResult): FileResult['assertionResults'] {
  return assertionResults.filter(({ status }) => status === 'failed');
}

function describe(
  file: FileResult,
  { fullName, failureMessages = [] }: FileResult['assertionResults'][number],
): string {
  const [reason = ''] = (failureMessages[0] ?? '').split('\n');
  return `${shortName(file)}: ${fullName}: ${reason}`;
}
