import { types } from 'node:util';
import { isStreampoolError } from '@streampool/errors';
import { redactText } from '@streampool/redaction';

/** An error as a log line shows it. */
export interface LoggableError {
  readonly type: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: LoggableError;
}

const MAX_CAUSES = 5;

/**
 * The error and its causes without credentials. Expected errors (those of the catalogue) go without a stack:
 * they say what happened, and a stack per refused viewer would bury everything else.
 */
export function loggable(error: unknown): LoggableError {
  return describe(error, 0);
}

function describe(error: unknown, depth: number): LoggableError {
  if (!types.isNativeError(error)) return { type: typeof error, message: redactText(String(error)) };
  const expected = isStreampoolError(error) && error.code !== 'INTERNAL';
  return {
    type: error.name,
    ...('code' in error && { code: String(error.code) }),
    message: redactText(error.message),
    ...(!expected && error.stack !== undefined && { stack: redactText(error.stack) }),
    ...(error.cause !== undefined && depth < MAX_CAUSES && { cause: describe(error.cause, depth + 1) }),
  };
}
