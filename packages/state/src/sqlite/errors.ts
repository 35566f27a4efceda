import { isStreampoolError, StreampoolError } from '@streampool/errors';

/** SQLite's primary result codes (https://sqlite.org/rescode.html) that say something an operator can act on. */
const PRIMARY = {
  perm: 3,
  busy: 5,
  locked: 6,
  readonly: 8,
  ioerr: 10,
  corrupt: 11,
  full: 13,
  cantopen: 14,
  notadb: 26,
} as const;

const REASONS: Readonly<Record<number, string>> = {
  [PRIMARY.perm]: 'may not be opened',
  [PRIMARY.busy]: 'is kept locked by another process',
  [PRIMARY.locked]: 'is kept locked by another process',
  [PRIMARY.readonly]: 'cannot be written',
  [PRIMARY.ioerr]: 'cannot be read or written (disk error)',
  [PRIMARY.corrupt]: 'is damaged',
  [PRIMARY.full]: 'cannot grow (disk full)',
  [PRIMARY.cantopen]: 'cannot be opened',
  [PRIMARY.notadb]: 'is not a database',
};

/** What will not pass by waiting: somebody has to repair the file or name another one. */
const NEEDS_OPERATOR = new Set<number>([
  PRIMARY.perm,
  PRIMARY.readonly,
  PRIMARY.corrupt,
  PRIMARY.cantopen,
  PRIMARY.notadb,
]);

/** The extended result code of an error of `node:sqlite`, cut to its primary code; undefined for any other error. */
function primaryCode(error: unknown): number | undefined {
  const errcode = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof errcode === 'number' ? errcode & 0xff : undefined;
}

export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === PRIMARY.busy || code === PRIMARY.locked;
}

/**
 * The error a caller sees when the state's file failed it.
 * `opening`: a file that is wrong is a wrong configuration, and the start must stop; later it is an outage.
 */
export function sqliteError(error: unknown, path: string, opening = false): StreampoolError {
  if (isStreampoolError(error)) return error;
  const code = primaryCode(error);
  const reason = code === undefined ? undefined : REASONS[code];
  if (reason === undefined) {
    // A value that no column takes, a statement that does not hold: our own mistake, which waiting does not mend.
    return new StreampoolError('INTERNAL', 'the state refused what it was given', { cause: error });
  }
  if (opening && code !== undefined && NEEDS_OPERATOR.has(code)) {
    const advice =
      code === PRIMARY.corrupt || code === PRIMARY.notadb
        ? 'move it away to start with an empty state, or restore a copy'
        : 'check the directory and its permissions';
    return new StreampoolError('CONFIG_INVALID', `the state file ${path} ${reason}: ${advice}`, {
      cause: error,
    });
  }
  return new StreampoolError('STATE_UNAVAILABLE', `the state file ${path} ${reason}`, {
    cause: error,
    retryAfterSeconds: 1,
  });
}
