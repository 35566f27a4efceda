import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Says when a body was signed and how: `t=<seconds since the epoch>,v1=<HMAC-SHA256 of "t.body" in hex>`. */
export const SIGNATURE_HEADER = 'X-Streampool-Signature';

/** A secret for somebody who brings none: 256 bits. */
export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64url')}`;
}

export function signature(secret: string, body: string, atSeconds: number): string {
  const t = Math.floor(atSeconds);
  return `t=${t},v1=${hmac(secret, t, body)}`;
}

/** What a receiver does: true for a body signed with the secret at most `toleranceSeconds` ago (or ahead). */
export function verifySignature(
  header: string,
  {
    secret,
    body,
    nowSeconds,
    toleranceSeconds = 300,
  }: {
    secret: string;
    body: string;
    nowSeconds: number;
    toleranceSeconds?: number;
  },
): boolean {
  const [, t = '', v1 = ''] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header) ?? [];
  if (v1 === '' || Math.abs(nowSeconds - Number(t)) > toleranceSeconds) return false;
  return timingSafeEqual(Buffer.from(v1), Buffer.from(hmac(secret, Number(t), body)));
}

function hmac(secret: string, t: number, body: string): string {
  return createHmac('sha256', secret).update(`${t}.${body}`).digest('hex');
}
