import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { Config } from '../config/settings.ts';

/** What to do about a failed `listen`, where that is known. */
export function cannotListen(error: NodeJS.ErrnoException, { host, port }: Config): unknown {
  if (isStreampoolError(error)) return error;
  const where = `${host}:${port}`;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `${where} is in use: stop what listens there, or set PORT (or --port) to another one`,
    EACCES: `this user may not listen on ${where}: ports below 1024 need a privilege`,
    EADDRNOTAVAIL: `${host} is not an address of this machine: set HOST`,
    ENOTFOUND: `${host} is not an address of this machine: set HOST`,
  };
  const reason = reasons[error.code ?? ''];
  return reason === undefined ? error : new StreampoolError('CONFIG_INVALID', reason, { cause: error });
}
