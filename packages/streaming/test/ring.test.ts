import fc from 'fast-check';
import { BLOCK_BYTES, Ring } from '../src/ring.ts';

const PACKET = 188;

function packets(count: number, fill: number): Buffer {
  return Buffer.alloc(count * PACKET, fill);
}

function point(offset: number) {
  return { offset, tables: Buffer.alloc(0) };
}

function read(ring: Ring, from: number, to: number): Buffer {
  const parts: Buffer[] = [];
  let offset = from;
  while (offset < to) {
    const block = ring.blockAt(offset);
    if (!block) throw new Error(`nothing at ${offset}`);
    const slice = ring.sliceOf(block, offset, to - offset);
    parts.push(Buffer.from(slice));
    offset += slice.length;
  }
  return Buffer.concat(parts);
}

test('what is read is what was appended, whatever the cut', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 12 }), (sizes) => {
      const ring = new Ring({ budgetBytes: 64 * BLOCK_BYTES, retainMs: 60_000 });
      const written: Buffer[] = [];
      sizes.forEach((size, i) => {
        const run = packets(size, i + 1);
        written.push(run);
        ring.append(run, i);
      });
      const all = Buffer.concat(written);
      expect(ring.head).toBe(all.length);
      expect(read(ring, 0, ring.head).equals(all)).toBe(true);
    }),
  );
});

test('the budget holds however much is appended', () => {
  const ring = new Ring({ budgetBytes: 4 * BLOCK_BYTES, retainMs: 60_000 });
  for (let i = 0; i < 40; i += 1) ring.append(packets(512, i), i);
  expect(ring.head).toBe(40 * 512 * PACKET);
  expect(ring.head - ring.tail).toBeLessThanOrEqual(4 * BLOCK_BYTES);
  expect(ring.memoryBytes).toBeLessThanOrEqual(6 * BLOCK_BYTES);
  expect(ring.blockAt(0)).toBeUndefined();
  expect(ring.blockAt(ring.head)).toBeUndefined();
});

test('bytes leave after the retention time, but not the newest access point', () => {
  const ring = new Ring({ budgetBytes: 64 * BLOCK_BYTES, retainMs: 1_000 });
  ring.append(packets(1024, 1), 0);
  const here = ring.head;
  ring.append(packets(1024, 2), 100);
  ring.addAccessPoint(point(here));
  ring.append(packets(1024, 3), 5_000);
  expect(ring.tail).toBe(here);
  expect(ring.newestAccessPoint()?.offset).toBe(here);
  ring.addAccessPoint(point(ring.head - 1024 * PACKET));
  ring.append(packets(1024, 4), 9_000);
  expect(ring.tail).toBeGreaterThan(here);
});

test('an access point that has left the ring is not offered', () => {
  const ring = new Ring({ budgetBytes: 2 * BLOCK_BYTES, retainMs: 60_000 });
  ring.append(packets(10, 1), 0);
  ring.addAccessPoint(point(0));
  expect(ring.newestAccessPoint()?.offset).toBe(0);
  ring.append(packets(4096, 2), 1);
  expect(ring.newestAccessPoint()).toBeUndefined();
});

test('memory that a socket is still writing from is never reused', () => {
  const ring = new Ring({ budgetBytes: 2 * BLOCK_BYTES, retainMs: 60_000 });
  ring.append(packets(1024, 7), 0);
  const block = ring.blockAt(0)!;
  const slice = ring.sliceOf(block, 0, BLOCK_BYTES);
  ring.pin(block);
  for (let i = 0; i < 20; i += 1) ring.append(packets(1024, 9), i);
  expect(slice.every((byte) => byte === 7)).toBe(true);
  expect(ring.stragglingBytes).toBe(BLOCK_BYTES);
  expect(ring.oldestStraggler).toBe(block);
  ring.unpin(block);
  expect(ring.stragglingBytes).toBe(0);
});

test('viewers that are equally far share one view', () => {
  const ring = new Ring({ budgetBytes: 8 * BLOCK_BYTES, retainMs: 60_000 });
  ring.append(packets(100, 1), 0);
  const block = ring.blockAt(0)!;
  expect(ring.sliceOf(block, 188, 1_000_000)).toBe(ring.sliceOf(block, 188, 1_000_000));
  ring.append(packets(1, 2), 0);
  expect(ring.sliceOf(block, 188, 1_000_000).length).toBe(100 * PACKET);
});

test('half packets are refused', () => {
  const ring = new Ring({ budgetBytes: 8 * BLOCK_BYTES, retainMs: 1 });
  expect(() => ring.append(Buffer.alloc(100), 0)).toThrow(RangeError);
});
