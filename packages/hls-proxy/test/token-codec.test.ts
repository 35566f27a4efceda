import fc from 'fast-check';
import type { Resource } from '../src/token/resource.ts';
import { TokenCodec } from '../src/token/token-codec.ts';

const SECRET = 'a secret of more than sixteen characters';

const text = fc.string({ unit: 'grapheme', maxLength: 200 });
const where = fc.record({ url: text, from: fc.string({ minLength: 1 }) }, { requiredKeys: ['url'] });
const place = fc.record(
  {
    role: fc.constantFrom(...(['playlist', 'rendition', 'iframe', 'asset'] as const)),
    place: fc.nat(),
    bandwidth: fc.nat(),
    type: text,
    language: text,
  },
  { requiredKeys: ['role', 'place', 'bandwidth'] },
);
const resource: fc.Arbitrary<Resource> = fc.oneof(
  fc.tuple(where, fc.constantFrom(...(['media', 'key', 'data', 'assets'] as const))).map(([it, kind]) => ({
    ...it,
    kind,
  })),
  fc
    .tuple(
      where,
      fc.nat(),
      place,
      fc.dictionary(fc.string({ minLength: 1 }), text, { noNullPrototype: true }),
    )
    .map(([it, source, at, variables]) => ({
      ...{ ...it, kind: 'playlist' as const, source, place: at },
      ...(Object.keys(variables).length > 0 && { variables }),
    })),
);
const folderOf = ({ kind }: Resource) => (kind === 'playlist' ? 'variant' : 'segment');
const other = { variant: 'segment', segment: 'variant' } as const;

test('a token opens to what was sealed, is always the same, and tells nothing', () => {
  const codec = new TokenCodec(SECRET, 'one');
  fc.assert(
    fc.property(resource, (it) => {
      const token = codec.seal(it);
      expect(token).toMatch(/^[\w-]+$/);
      expect(codec.open(folderOf(it) as 'segment', token)).toEqual(it);
      // Another process with the same secret.
      expect(new TokenCodec(SECRET, 'one').seal(it)).toBe(token);
      if (it.url.length > 3) expect(Buffer.from(token, 'base64url').includes(it.url)).toBe(false);
    }),
  );
});

test('nobody makes or changes one, nor takes it elsewhere', () => {
  const codec = new TokenCodec(SECRET, 'one');
  fc.assert(
    fc.property(resource, fc.nat(), fc.integer({ min: 1, max: 63 }), (it, at, by) => {
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      const token = codec.seal(it);
      const folder = folderOf(it) as 'segment';
      const index = at % token.length;
      const letter = alphabet[(alphabet.indexOf(token[index]!) + by) % 64]!;
      const refused: [TokenCodec, 'segment', string][] = [
        [codec, folder, token.slice(0, index) + letter + token.slice(index + 1)],
        [codec, folder, token.slice(0, index)],
        [codec, folder, `${token}A`],
        [codec, folder, `${token}=`],
        [codec, other[folder] as 'segment', token],
        [new TokenCodec(SECRET, 'two'), folder, token],
        [new TokenCodec(`${SECRET}!`, 'one'), folder, token],
      ];
      for (const [opener, as, bad] of refused)
        expect(() => opener.open(as, bad)).toThrow(expect.objectContaining({ code: 'HLS_TOKEN_INVALID' }));
    }),
    { numRuns: 40 },
  );
});

test('a secret that is none is refused', () => {
  expect(() => new TokenCodec('short', 'one')).toThrow(TypeError);
});
