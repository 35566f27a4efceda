import { ERRORS, type ErrorCode } from './catalogue.ts';

export interface StreampoolErrorOptions {
  /** What made it happen; kept for logs, never sent to a client. */
  cause?: unknown;
  /** Sent as Retry-After, in whole seconds. */
  retryAfterSeconds?: number;
  /** Machine-readable particulars, for example `{ variable: 'crf' }`. No credentials. */
  info?: Record<string, string | number | boolean>;
  /** Replaces the catalogue's HTTP status where one code has several (rare). */
  status?: number;
}

/** The one error class that crosses package boundaries. `message` is readable and free of credentials. */
export class StreampoolError extends Error {
  override readonly name = 'StreampoolError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly retryAfterSeconds: number | undefined;
  readonly info: Record<string, string | number | boolean>;

  constructor(code: ErrorCode, detail: string, options: StreampoolErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? ERRORS[code].status;
    this.retryable = ERRORS[code].retryable;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.info = options.info ?? {};
  }
}

/** True for a StreampoolError, with that code if one is given. */
export function isStreampoolError(error: unknown, code?: ErrorCode): error is StreampoolError {
  return error instanceof StreampoolError && (code === undefined || error.code === code);
}
