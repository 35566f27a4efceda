import fc from 'fast-check';
import { newSecret, signature, verifySignature } from '../src/index.ts';

test('a body is signed so that anybody with the secret can tell it is ours, and when', () => {
  // Computed with: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_test
  expect(signature('whsec_test', '{"a":1}', 1_700_000_000.9)).toBe(
    't=1700000000,v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789',
  );
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), fc.nat(2 ** 31), (secret, body, at) => {
      const header = signature(secret, body, at);
      const claim = { secret, body, nowSeconds: at + 300 };
      expect(verifySignature(header, claim)).toBe(true);
      expect(verifySignature(header, { ...claim, body: `${body} ` })).toBe(false);
      expect(verifySignature(header, { ...claim, secret: `${secret}x` })).toBe(false);
      expect(verifySignature(header, { ...claim, nowSeconds: at + 301 })).toBe(false);
    }),
  );
});

test('what is no signature is none', () => {
  for (const header of ['', 't=1', 'v1=00', `t=1,v1=${'0'.repeat(63)}`, `t=x,v1=${'0'.repeat(64)}`])
    expect(verifySignature(header, { secret: 's', body: '', nowSeconds: 1 })).toBe(false);
});

test('secrets are long, and never the same', () => {
  const secrets = new Set(Array.from({ length: 100 }, newSecret));
  expect(secrets.size).toBe(100);
  for (const secret of secrets) expect(secret).toMatch(/^whsec_[\w-]{43}$/);
});
