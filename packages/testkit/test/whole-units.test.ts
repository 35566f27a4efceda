import { wholeUnits } from '../src/player/whole-units.ts';

const PACKET_SIZE = 188;

/** A packet whose payload says which it is. */
function packet(pid: number, start: boolean, mark: number, payload = start ? [0, 0, 1, 0xe0] : []): Buffer {
  const bytes = Buffer.alloc(PACKET_SIZE, mark);
  bytes[0] = 0x47;
  bytes.writeUInt16BE(pid | (start ? 0x4000 : 0), 1);
  bytes[3] = 0x10;
  Buffer.from(payload).copy(bytes, 4);
  return bytes;
}

const marks = (packets: Buffer): number[] =>
  Array.from({ length: packets.length / PACKET_SIZE }, (_, index) => packets[index * PACKET_SIZE + 187]!);

test('the last unit of each PID is left out, and nothing before it', () => {
  const recording = Buffer.concat([
    packet(0, true, 1, [0, 0, 0xb0]),
    packet(256, true, 2),
    packet(256, false, 3),
    packet(257, true, 4),
    packet(256, true, 5),
    packet(0, true, 6, [0, 0, 0xb0]),
    packet(257, true, 7),
    packet(256, false, 8),
    packet(256, false, 9).subarray(0, 100),
  ]);
  expect(marks(wholeUnits(recording))).toEqual([1, 2, 3, 4, 6]);
});

test('sections alone stay as they are', () => {
  expect(marks(wholeUnits(packet(0, true, 1, [0, 0, 0xb0])))).toEqual([1]);
  expect(wholeUnits(Buffer.alloc(0))).toHaveLength(0);
});
