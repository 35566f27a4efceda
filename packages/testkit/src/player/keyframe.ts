/**
 * Whether the first packet of a video access unit shows that a decoder can start here, for streams that do not set
 * random_access_indicator: parameter sets or an IDR slice (H.264, H.265 §7.4.2.2), a sequence header (MPEG-2).
 */
export function looksLikeKeyframe(packet: Uint8Array, streamType: number): boolean {
  for (let at = 4; at + 4 < packet.length; at++) {
    if (packet[at] !== 0 || packet[at + 1] !== 0 || packet[at + 2] !== 1) continue;
    const header = packet[at + 3]!;
    if (streamType === 0x1b && [5, 7].includes(header & 0x1f) && (header & 0x80) === 0 && header < 0xbc)
      return true;
    if (streamType === 0x24 && isHevcStart((header >> 1) & 0x3f)) return true;
    if (streamType === 0x02 && header === 0xb3) return true;
  }
  return false;
}

/** VPS, SPS, or an intra random access picture (BLA, IDR, CRA). */
function isHevcStart(type: number): boolean {
  return type === 32 || type === 33 || (type >= 16 && type <= 21);
}
