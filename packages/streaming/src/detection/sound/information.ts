const PACKET_SIZE = 188;
/** Bytes that are looked at: a fraction of a second is enough to tell, and costs some 20 µs. */
const LOOKED_AT = 16 * 1024;
/** Compressed sound was seen to have 7.5 bits per byte and more, digital silence 5.2 at the most (AAC, MP2, AC-3). */
const SOUND_BITS = 6.8;

/**
 * Whether compressed audio can be digital silence, without decoding it: encoded silence is the same few bytes again and
 * again, or padding, while sound looks like random bytes. (Shannon entropy of single bytes. Hiss looks like sound.)
 * @param packets transport packets of one audio PID
 */
export function mayBeSilence(packets: Buffer): boolean {
  const counts = new Uint32Array(256);
  const length = Math.min(packets.length, Math.floor(LOOKED_AT / PACKET_SIZE) * PACKET_SIZE);
  let total = 0;
  for (let at = packets.length - length; at < packets.length; at += PACKET_SIZE) {
    const field = (packets[at + 3]! & 0x20) === 0 ? 0 : 1 + packets[at + 4]!;
    for (let i = at + 4 + field; i < at + PACKET_SIZE; i++) {
      counts[packets[i]!]! += 1;
      total++;
    }
  }
  if (total === 0) return true;
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / total) * Math.log2(count / total);
  return bits < SOUND_BITS;
}
