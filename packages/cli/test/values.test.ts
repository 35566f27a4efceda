import fc from 'fast-check';
import { duration, showDuration, showSize, size } from '../src/config/values.ts';

const anyDuration = duration(0, Number.MAX_SAFE_INTEGER);
const anySize = size(0, Number.MAX_SAFE_INTEGER);

test('a duration that is shown reads as itself', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 10 }), (ms) => {
      expect(anyDuration.schema.parse(showDuration(ms))).toBe(ms);
    }),
  );
});

test('a size that is shown reads as itself', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (bytes) => {
      expect(anySize.schema.parse(showSize(bytes))).toBe(bytes);
    }),
  );
});

test('no text makes a duration that is no number', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const result = anyDuration.schema.safeParse(text);
      if (result.success) expect(Number.isSafeInteger(result.data)).toBe(true);
    }),
  );
});
