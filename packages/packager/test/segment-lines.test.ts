import fc from 'fast-check';
import { SegmentLines } from '../src/playlist/segment-lines.ts';

test('holds what was added and not dropped, whatever the order', () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ drop: fc.integer({ min: 0, max: 300 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const lines = new SegmentLines();
      let oldest = 0;
      let next = 0;
      const text = (index: number): string => `${'x'.repeat(index % 90)}${index}\n`;
      for (const one of steps) {
        if ('add' in one)
          for (let i = 0; i < one.add; i += 1) {
            lines.add(text(next));
            next += 1;
          }
        else {
          oldest = Math.min(next, oldest + one.drop);
          lines.dropBefore(oldest);
        }
        const middle = Math.floor((oldest + next) / 2);
        const expected = (from: number, to: number): string =>
          Array.from({ length: to - from }, (_, i) => text(from + i)).join('');
        expect(lines.next).toBe(next);
        expect(lines.between(oldest, next).toString()).toBe(expected(oldest, next));
        expect(lines.between(middle, next).toString()).toBe(expected(middle, next));
        expect(lines.between(oldest, middle).toString()).toBe(expected(oldest, middle));
      }
    }),
    { numRuns: 40 },
  );
});

test('begins anew at another index', () => {
  const lines = new SegmentLines();
  lines.add('a\n');
  lines.restart(7);
  lines.add('b\n');
  expect(lines.next).toBe(8);
  expect(lines.between(7, 8).toString()).toBe('b\n');
});
