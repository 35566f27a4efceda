const PACKET = 188;
/** PID of the announced stream; no packet of it exists. */
const PID = 0x1f00;

/** The transport stream with DVB subtitles announced in its program map (EN 300 468 §6.2.41) that never come. */
export function announceSubtitles(stream: Buffer): Buffer {
  const out = Buffer.from(stream);
  let mapPid = -1;
  for (let at = 0; at < out.length; at += PACKET) {
    const pid = out.readUInt16BE(at + 1) & 0x1fff;
    const startsUnit = (out[at + 1]! & 0x40) !== 0;
    // The tables of these samples are alone in their packets, without adaptation field.
    const section = at + 5 + out[at + 4]!;
    if (pid === 0 && startsUnit) mapPid = out.readUInt16BE(section + 10) & 0x1fff;
    else if (pid === mapPid && startsUnit) extend(out.subarray(section, at + PACKET));
  }
  return out;
}

/** Adds the stream to the map in `section`, which has room up to its end. */
function extend(section: Buffer): void {
  const end = 3 + (section.readUInt16BE(1) & 0x0fff) - 4;
  const entry = Buffer.from([
    6,
    0xe0 | (PID >> 8),
    PID & 0xff,
    0xf0,
    10,
    0x59,
    8,
    ...Buffer.from('eng'),
    0x10,
    0,
    1,
    0,
    1,
  ]);
  entry.copy(section, end);
  const length = end + entry.length;
  section.writeUInt16BE(0xb000 | (length + 4 - 3), 1);
  section.writeUInt32BE(crc32(section.subarray(0, length)), length);
}

/** ISO/IEC 13818-1 annex A. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x80000000 ? 0x04c11db7 : 0);
  }
  return crc >>> 0;
}
