const PACKET_SIZE = 188;

/**
 * A recording of a transport stream up to the last complete unit of each PID. Whoever stops recording stops in the middle
 * of a picture, which a decoder would count as damage: the last unit of each PID that began and of which nobody can say
 * whether it is complete is left out, and nothing else.
 */
export function wholeUnits(recording: Buffer): Buffer {
  const length = recording.length - (recording.length % PACKET_SIZE);
  const lastStarts = new Map<number, number>();
  for (let at = 0; at < length; at += PACKET_SIZE)
    if (beginsPes(recording, at)) lastStarts.set(pidOf(recording, at), at);
  const first = Math.min(length, ...lastStarts.values());
  const kept = [recording.subarray(0, first)];
  for (let at = first; at < length; at += PACKET_SIZE) {
    const last = lastStarts.get(pidOf(recording, at));
    if (last === undefined || at < last) kept.push(recording.subarray(at, at + PACKET_SIZE));
  }
  return Buffer.concat(kept);
}

function pidOf(packets: Buffer, at: number): number {
  return packets.readUInt16BE(at + 1) & 0x1fff;
}

/** ISO/IEC 13818-1 §2.4.3.3 and §2.4.3.6: a unit starts, and its payload begins with a PES start code. */
function beginsPes(packets: Buffer, at: number): boolean {
  if (!(packets[at + 1]! & 0x40) || !(packets[at + 3]! & 0x10)) return false;
  const payload = at + 4 + (packets[at + 3]! & 0x20 ? 1 + packets[at + 4]! : 0);
  return payload + 3 <= at + PACKET_SIZE && packets.readUIntBE(payload, 3) === 1;
}
