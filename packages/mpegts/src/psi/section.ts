import { crc32 } from './crc32.ts';

/** Whether a long-form section has the length it claims and its CRC holds. */
export function isWholeSection(section: Buffer): boolean {
  if (section.length < 12 || (section[1]! & 0x80) === 0) return false;
  return section.length === 3 + (section.readUInt16BE(1) & 0x0fff) && crc32(section) === 0;
}
