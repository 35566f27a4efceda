import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { Seal } from '../src/index.ts';

const seal = new Seal(Buffer.alloc(32, 7));

test('what is sealed opens with the same key in the same context, and is the same each time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, context) => {
      const sealed = seal.seal(text, context);
      expect(sealed).toMatch(/^[\w-]+$/);
      expect(seal.seal(text, context)).toBe(sealed);
      expect(seal.open(sealed, context)).toBe(Buffer.from(text).toString());
    }),
  );
});

test('nothing else opens: another context, another key, a changed or cut seal, another spelling', () => {
  const sealed = seal.seal('http://provider.example/a.ts?token=secret', 'stream 1');
  expect(seal.open(sealed, 'stream 2')).toBeUndefined();
  expect(new Seal(randomBytes(32)).open(sealed, 'stream 1')).toBeUndefined();
  for (let at = 0; at < sealed.length; at++) {
    const other = sealed[at] === 'A' ? 'B' : 'A';
    expect(seal.open(sealed.slice(0, at) + other + sealed.slice(at + 1), 'stream 1')).toBeUndefined();
    expect(seal.open(sealed.slice(0, at), 'stream 1')).toBeUndefined();
  }
  for (const spelling of [`${sealed}=`, `${sealed}A`, ` ${sealed}`, '', '!'])
    expect(seal.open(spelling, 'stream 1')).toBeUndefined();
});

test('where context and text meet is part of what is sealed', () => {
  expect(seal.open(seal.seal('bc', 'a'), 'ab')).toBeUndefined();
});

test('a short key is refused', () => {
  expect(() => new Seal(Buffer.alloc(16))).toThrow(RangeError);
});
