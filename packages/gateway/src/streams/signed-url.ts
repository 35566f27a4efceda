import { createHmac } from 'node:crypto';
import { StreampoolError } from '@streampool/errors';
import { equalInConstantTime } from '../access/api-tokens.ts';

/** Whom an address is for. Absent: whoever has it. */
export interface SignedFor {
  readonly user?: string | undefined;
  readonly address?: string | undefined;
}

/** Makes and checks addresses of streams that are good for a while, so that knowing an id is not enough to watch. */
export interface UrlSigner {
  /** False: nothing is signed, and everything passes. */
  readonly on: boolean;
  /** The query to append, `?expires=…&signature=…`; empty where signing is off. */
  query(streamId: string, bound?: SignedFor, ttlMs?: number): string;
  /**
   * `bound` is the query's parameter of that name, `viewer` who asks.
   * @throws StreampoolError SIGNATURE_INVALID
   */
  check(
    streamId: string,
    expires: string | null,
    signature: string | null,
    bound?: string | null,
    viewer?: SignedFor,
  ): void;
}

const OFF: UrlSigner = { on: false, query: () => '', check: () => {} };

/** What `bound` says: `u` the user's name, `a` the address, both `ua`. */
const BOUND = /^(?:u|a|ua)$/;

/**
 * `now` in ms since the epoch; addresses that are made within the same `stepMs` are the same. Without a secret nothing is
 * signed and everything passes.
 */
export function urlSigner(
  secret: string | undefined,
  ttlMs: number,
  now: () => number = Date.now,
  stepMs = 1_000,
): UrlSigner {
  if (!secret) return OFF;
  const sign = (streamId: string, expires: string, bound: string, { user, address }: SignedFor): string => {
    // What is bound to nobody is signed as ever: addresses that are in use stay good.
    const text =
      bound === ''
        ? `stream\n${streamId}\n${expires}`
        : `stream-for\n${JSON.stringify([
            ...[streamId, expires, bound],
            bound.includes('u') ? (user ?? '') : '',
            bound.includes('a') ? (address ?? '') : '',
          ])}`;
    return createHmac('sha256', secret).update(text).digest('base64url');
  };
  return {
    on: true,
    query(streamId, whom = {}, forMs = ttlMs) {
      const expires = String(Math.round((Math.ceil((now() + forMs) / stepMs) * stepMs) / 1000));
      const bound = (whom.user === undefined ? '' : 'u') + (whom.address === undefined ? '' : 'a');
      const signature = sign(streamId, expires, bound, whom);
      return `?expires=${expires}&signature=${signature}${bound && `&bound=${bound}`}`;
    },
    check(streamId, expires, signature, bound = null, viewer = {}) {
      const isFit = bound === null || BOUND.test(bound);
      if (
        !expires ||
        !signature ||
        !isFit ||
        !equalInConstantTime(signature, sign(streamId, expires, bound ?? '', viewer))
      ) {
        throw new StreampoolError(
          'SIGNATURE_INVALID',
          'This address is not signed, or its signature is wrong',
        );
      }
      if (!(Number(expires) * 1000 > now())) {
        throw new StreampoolError('SIGNATURE_INVALID', 'This address has expired', {
          info: { expired: true },
        });
      }
    },
  };
}

/** A redirect is followed at once; what is in a player's history tomorrow shall be of no use. */
export const REDIRECT_TTL_MS = 60_000;
/**
 * Players of HLS may be sent on, or let in, anew with each reload. What they are given then stands in the addresses of all
 * segments, which must not change (RFC 8216 §6.2.2): so it is the same for an hour.
 */
export const STEADY_MS = 3_600_000;

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
    on: false,
    query: () => '',
    check(streamId, expires, signature, bound, viewer) {
      if (signature !== null) redirected.check(streamId, expires, signature, bound, viewer);
    },
  };
}
