import { readFileSync } from 'node:fs';

/** What Jest writes with `--json`, as far as it is used here. */
export interface JestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly testResults: readonly FileResult[];
}

export interface FileResult {
  /** Absolute path. */
  readonly name: string;
  readonly status: string;
  /** Ms since 1970. */
  readonly startTime: number;
  readonly endTime: number;
  /** Why a file failed that could not be run. */
  readonly message?: string;
  readonly assertionResults: readonly TestResult[];
}

export interface TestResult {
  readonly status: string;
  readonly fullName: string;
  readonly failureMessages?: readonly string[];
}

/** Undefined where there is none, or half of one. */
export function readResult(file: string): JestResult | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as JestResult;
  } catch {
    return undefined;
  }
}

/** As people write the path of a test. */
export function shortName({ name }: Pick<FileResult, 'name'>): string {
  return name.replace(`${process.cwd()}/`, '');
}
