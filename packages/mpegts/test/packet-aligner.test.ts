import fc from 'fast-check';
import { PacketAligner } from '../src/index.ts';

/** A packet whose bytes other than the first are never 0x47, so that only true packet starts look like one. */
function packet(fill: number): Buffer {
  const made = Buffer.alloc(188, fill === 0x47 ? 0x48 : fill);
  made[0] = 0x47;
  return made;
}

function packets(count: number, first = 0): Buffer[] {
  return Array.from({ length: count }, (_, i) => packet((first + i) & 0xff));
}

function pushAll(aligner: PacketAligner, bytes: Buffer, cuts: readonly number[]): Buffer {
  const out: Buffer[] = [];
  let from = 0;
  for (const to of [...cuts].sort((a, b) => a - b).concat(bytes.length)) {
    const end = Math.min(Math.max(to, from), bytes.length);
    // A chunk of its own, wiped afterwards, as a reader that reuses its memory does.
    const chunk = Buffer.from(bytes.subarray(from, end));
    out.push(Buffer.from(aligner.push(chunk)));
    chunk.fill(0xee);
    from = end;
  }
  out.push(aligner.flush());
  return Buffer.concat(out);
}

const cuts = fc.array(fc.nat(20_000), { maxLength: 40 });

test('an aligned chunk comes back as a view of itself', () => {
  const chunk = Buffer.concat(packets(10));
  const aligner = new PacketAligner();
  for (let i = 0; i < 3; i++) {
    const run = aligner.push(chunk);
    expect(run.buffer).toBe(chunk.buffer);
    expect(run.equals(chunk)).toBe(true);
  }
  expect(aligner).toMatchObject({ synced: true, bytesDropped: 0, syncLosses: 0, bytesSeen: 3 * 1880 });
});

test('runs of an unaligned chunk are a stitched packet and a view', () => {
  const bytes = Buffer.concat(packets(20));
  const aligner = new PacketAligner();
  aligner.push(bytes.subarray(0, 1000));
  const runs: Buffer[] = [];
  const rest = bytes.subarray(1000);
  aligner.align(rest, (run) => {
    expect(run.length === 188 || run.buffer === rest.buffer).toBe(true);
    runs.push(Buffer.from(run));
  });
  expect(runs.map((run) => run.length)).toEqual([188, 14 * 188]);
  expect(Buffer.concat(runs).equals(bytes.subarray(5 * 188))).toBe(true);
});

test('any cut of a stream that starts and ends in mid-packet gives the same packets', () => {
  const whole = packets(40);
  fc.assert(
    fc.property(cuts, fc.nat(187), fc.nat(187), (at, head, tail) => {
      const bytes = Buffer.concat([...whole, packet(9).subarray(0, tail)]).subarray(head);
      const expected = Buffer.concat(head === 0 ? whole : whole.slice(1));
      const aligner = new PacketAligner();
      expect(pushAll(aligner, bytes, at).equals(expected)).toBe(true);
      expect(aligner.bytesDropped).toBe(bytes.length - expected.length);
      expect(aligner.syncLosses).toBe(0);
    }),
  );
});

test.each([
  [192, 4],
  [204, 0],
])('%i-byte packets are reduced to 188 bytes, whatever the cut', (stride, before) => {
  const whole = packets(30);
  const extra = stride - 188;
  const bytes = Buffer.concat(
    whole.flatMap((p) => [Buffer.alloc(before, 1), p, Buffer.alloc(extra - before, 1)]),
  );
  fc.assert(
    fc.property(cuts, (at) => {
      const aligner = new PacketAligner();
      expect(pushAll(aligner, bytes, at).equals(Buffer.concat(whole))).toBe(true);
      expect(aligner.stride).toBe(stride);
    }),
  );
});

test('garbage between packets is left out and never yields a misaligned packet', () => {
  const notSync = fc.integer({ min: 0, max: 255 }).map((byte) => (byte === 0x47 ? 0 : byte));
  fc.assert(
    fc.property(
      cuts,
      fc.array(notSync, { minLength: 1, maxLength: 600 }),
      fc.integer({ min: 5, max: 30 }),
      (at, garbage, where) => {
        const whole = packets(40);
        const bytes = Buffer.concat([...whole.slice(0, where), Buffer.from(garbage), ...whole.slice(where)]);
        const aligner = new PacketAligner();
        expect(pushAll(aligner, bytes, at).equals(Buffer.concat(whole))).toBe(true);
        expect(aligner.bytesDropped).toBe(garbage.length);
        expect(aligner.syncLosses).toBe(1);
      },
    ),
  );
});

test('garbage inside a packet costs that packet alone', () => {
  const garbage = fc.integer({ min: 1, max: 600 }).map((n) => Buffer.alloc(n, 0xaa));
  fc.assert(
    fc.property(cuts, garbage, fc.integer({ min: 5 * 188 + 1, max: 30 * 188 }), (at, inserted, where) => {
      const whole = packets(40);
      const clean = Buffer.concat(whole);
      const bytes = Buffer.concat([clean.subarray(0, where), inserted, clean.subarray(where)]);
      const out = pushAll(new PacketAligner(), bytes, at);
      const hit = Math.floor(where / 188);
      const intact = whole.filter((p) => p !== whole[hit]);
      const got = Array.from({ length: out.length / 188 }, (_, i) => out.subarray(i * 188, i * 188 + 188));
      for (const p of intact) expect(got.some((g) => g.equals(p))).toBe(true);
      for (const g of got) expect(g[0]).toBe(0x47);
      expect(got.length).toBeLessThanOrEqual(whole.length);
    }),
  );
});

test('any bytes at all: the output is whole packets that stood in the input, in bounded memory, the same for any cut', () => {
  const noisy = fc.array(fc.oneof(fc.constant(0x47), fc.nat(255)), { maxLength: 3000 });
  fc.assert(
    fc.property(cuts, noisy, (at, values) => {
      const bytes = Buffer.concat([Buffer.from(values), ...packets(8), Buffer.from(values)]);
      const aligner = new PacketAligner();
      const out = pushAll(aligner, bytes, at);
      expect(out.length % 188).toBe(0);
      expect(out.equals(pushAll(new PacketAligner(), bytes, []))).toBe(true);
    }),
  );
});

test('what is no transport stream is told by bytes seen without sync', () => {
  const aligner = new PacketAligner();
  const html = Buffer.from('<html><body>GGGG not in your country</body></html>'.repeat(40));
  for (let i = 0; i < 100; i++) expect(aligner.push(html)).toHaveLength(0);
  aligner.push(Buffer.alloc(200));
  expect(aligner.synced).toBe(false);
  expect(aligner.bytesUnsynced).toBe(100 * html.length + 200);
  expect(aligner.push(Buffer.concat(packets(6)))).toHaveLength(6 * 188);
  expect(aligner.bytesUnsynced).toBe(0);
});

test('fewer packets than sync needs come out at the end', () => {
  const aligner = new PacketAligner();
  expect(aligner.push(Buffer.concat(packets(2)))).toHaveLength(0);
  expect(aligner.flush().equals(Buffer.concat(packets(2)))).toBe(true);
});
