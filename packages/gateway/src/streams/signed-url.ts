import { createHmac } from 'node:crypto';
import { StreampoolError } from '@streampool/errors';
import { equalInConstantTime } from '../http/token-check.ts';

/** Makes and checks addresses of streams that are good for a while, so that knowing an id is not enough to watch. */
export interface UrlSigner {
  /** The query to append, `?expires=…&signature=…`; empty where signing is off. */
  query(streamId: string): string;
  /** @throws StreampoolError SIGNATURE_INVALID */
  check(streamId: string, expires: string | null, signature: string | null): void;
}

const OFF: UrlSigner = { query: () => '', check: () => {} };

/** `now` in ms since the epoch. Without a secret nothing is signed and everything passes. */
export function urlSigner(
  secret: string | undefined,
  ttlMs: number,
  now: () => number = Date.now,
): UrlSigner {
  if (!secret) return OFF;
  const sign = (streamId: string, expires: string): string =>
    createHmac('sha256', secret).update(`stream\n${streamId}\n${expires}`).digest('base64url');
  return {
    query(streamId) {
      const expires = String(Math.ceil((now() + ttlMs) / 1000));
      return `?expires=${expires}&signature=${sign(streamId, expires)}`;
    },
    check(streamId, expires, signature) {
      if (!expires || !signature || !equalInConstantTime(signature, sign(streamId, expires))) {
        throw new StreampoolError(
          'SIGNATURE_INVALID',
          'This address is not signed, or its signature is wrong',
        );
      }
      if (!(Number(expires) * 1000 > now())) {
        throw new StreampoolError('SIGNATURE_INVALID', 'This address has expired');
      }
    },
  };
}

/** A redirect is followed at once; what is in a player's history tomorrow shall be of no use. */
export const REDIRECT_TTL_MS = 60_000;

/**
 * The signer of viewers' addresses. With a `streamUrlSecret` they all must be signed. With a `redirectSecret` alone nothing
 * is signed here, but the signature of whoever was sent here by another node is checked.
 */
export function viewerSigner(
  config: { streamUrlSecret?: string; redirectSecret?: string; streamUrlTtlMs: number },
  now: () => number = Date.now,
): UrlSigner {
  const { streamUrlSecret, redirectSecret, streamUrlTtlMs } = config;
  if (streamUrlSecret || !redirectSecret) return urlSigner(streamUrlSecret, streamUrlTtlMs, now);
  const redirected = urlSigner(redirectSecret, REDIRECT_TTL_MS, now);
  return {
    query: () => '',
    check(streamId, expires, signature) {
      if (signature !== null) redirected.check(streamId, expires, signature);
    },
  };
}
