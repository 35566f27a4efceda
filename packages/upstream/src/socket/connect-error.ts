import { isStreampoolError, StreampoolError } from '@streampool/errors';

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name does not exist',
  EAI_AGAIN: 'the host name could not be resolved',
  ENODATA: 'the host name has no address',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  ECONNABORTED: 'the connection was aborted',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the network is unreachable',
  ETIMEDOUT: 'the connection timed out',
  EMFILE: 'this process has no file descriptors left',
  EADDRNOTAVAIL: 'this machine has no free local port or address',
  EPROTO: 'it does not speak TLS',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate chain is self-signed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate cannot be verified',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the issuer of its certificate is unknown',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
};

/** What went wrong before a connection stood, readable and without credentials. `host` is host:port. */
export function connectError(error: unknown, host: string): StreampoolError {
  const single = firstCause(error);
  if (isStreampoolError(single)) return single;
  const code = errorCode(single);
  const reason =
    REASONS[code] ?? (code.startsWith('ERR_SSL') ? REASONS.EPROTO : undefined) ?? (code || 'unknown reason');
  return new StreampoolError('UPSTREAM_CONNECT_FAILED', `Cannot connect to ${host}: ${reason}`, {
    cause: error,
    info: { host, reason: code },
  });
}

/** What an error of a standing connection means for the body. */
export function cutError(error: unknown): StreampoolError {
  if (isStreampoolError(error)) return error;
  const code = errorCode(error);
  return new StreampoolError(
    'UPSTREAM_CUT',
    `The provider broke off: ${REASONS[code] ?? (code || 'unknown reason')}`,
    {
      cause: error,
    },
  );
}

/** Node tries all addresses of a name and reports every failure; the first is as good as any. */
function firstCause(error: unknown): unknown {
  return error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
}

function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
