import fc from 'fast-check';
import { PesGate } from '../src/index.ts';
import { PACKET_SIZE, pidOf } from '../src/packet.ts';
import { run, sample } from './samples.ts';

/** What comes out of a gate fed with cuts of these many packets, without the end. */
function through(input: Buffer, sizes: readonly number[], now: () => number = () => 0): Buffer {
  const gate = new PesGate({ now });
  const out: Buffer[] = [];
  for (let at = 0, i = 0; at < input.length; i += 1) {
    const end = Math.min(input.length, at + (sizes[i % sizes.length] ?? 1) * PACKET_SIZE);
    // A buffer of its own, wiped afterwards, as a reader that reuses its memory does.
    const piece = Buffer.from(input.subarray(at, end));
    out.push(Buffer.from(gate.push(piece)));
    piece.fill(0xee);
    at = end;
  }
  return Buffer.concat(out);
}

function byPid(packets: Buffer): Map<number, Buffer> {
  const parts = new Map<number, Buffer[]>();
  for (let at = 0; at < packets.length; at += PACKET_SIZE) {
    const pid = pidOf(packets, at);
    const list = parts.get(pid) ?? [];
    parts.set(pid, list);
    list.push(packets.subarray(at, at + PACKET_SIZE));
  }
  return new Map([...parts].map(([pid, list]) => [pid, Buffer.concat(list)]));
}

test('every PID keeps its packets and their order; only the last, unfinished units stay behind', () => {
  const input = sample('twoAudios');
  const whole = byPid(input);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }), (sizes) => {
      const out = byPid(through(input, sizes));
      for (const [pid, packets] of whole) {
        const got = out.get(pid) ?? Buffer.alloc(0);
        expect(packets.subarray(0, got.length).equals(got)).toBe(true);
        expect(packets.length - got.length).toBeLessThan(40 * PACKET_SIZE);
      }
    }),
    { numRuns: 30 },
  );
});

test('the end lets the rest out', () => {
  const input = sample('h264');
  const gate = new PesGate({ now: () => 0 });
  const out = Buffer.concat([Buffer.from(gate.push(input)), Buffer.from(gate.flush())]);
  expect(out.length).toBe(input.length);
  expect([...byPid(out)].sort()).toEqual([...byPid(input)].sort());
});

test.each(['h264', 'mpeg2', 'hevc', 'twoAudios'] as const)(
  'a source of %s that ends anywhere decodes without a word',
  (name) => {
    const input = sample(name);
    const packets = input.length / PACKET_SIZE;
    for (const share of [0.31, 0.47, 0.655, 0.83]) {
      const cut = through(input.subarray(0, Math.floor(packets * share) * PACKET_SIZE), [7, 50, 1]);
      expect(cut.length).toBeGreaterThan(0.2 * input.length);
      // Not a single message: `run` throws where FFmpeg fails, and errors are all it prints.
      expect(
        run('ffmpeg', ['-v', 'error', '-xerror', '-f', 'mpegts', '-i', 'pipe:0', '-f', 'null', '-'], cut),
      ).toBe('');
    }
  },
);

test('a unit with a length goes out with its last packet, one without with the next', () => {
  const audio = packet(0x101, true, Buffer.from([0, 0, 1, 0xc0, 0, 200]));
  const rest = packet(0x101, false, Buffer.alloc(0));
  const video = packet(0x100, true, Buffer.from([0, 0, 1, 0xe0, 0, 0]));
  const gate = new PesGate({ now: () => 0 });
  expect(gate.push(Buffer.concat([video, audio])).length).toBe(0);
  expect(Buffer.from(gate.push(rest)).equals(Buffer.concat([audio, rest]))).toBe(true);
  expect(gate.push(rest).equals(rest)).toBe(true);
  expect(gate.push(video).equals(video)).toBe(true);
});

test('what never completes is let through in the end, by time and by size', () => {
  let now = 0;
  const video = packet(0x100, true, Buffer.from([0, 0, 1, 0xe0, 0, 0]));
  const more = packet(0x100, false, Buffer.alloc(0));
  const gate = new PesGate({ now: () => now, maxHoldMs: 500, maxHoldBytes: 3 * PACKET_SIZE });
  expect(gate.push(video).length).toBe(0);
  now = 501;
  expect(gate.push(more).length).toBe(2 * PACKET_SIZE);
  expect(gate.push(more).length).toBe(PACKET_SIZE);
  expect(gate.push(video).length).toBe(0);
  expect(gate.push(Buffer.concat([more, more, more])).length).toBe(4 * PACKET_SIZE);
});

function packet(pid: number, starts: boolean, payload: Buffer): Buffer {
  const made = Buffer.alloc(PACKET_SIZE, 0xff);
  made.set([0x47, (starts ? 0x40 : 0) | (pid >> 8), pid & 0xff, 0x10]);
  made.set(payload, 4);
  return made;
}
