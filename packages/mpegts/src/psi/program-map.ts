import type { ElementaryStream, ProgramMap } from '../types.ts';
import { isWholeSection } from './section.ts';
import { classifyStream, registrationOf } from './stream-type.ts';

/** Where the PAT said that the program map is. */
export interface ProgramPlace {
  readonly transportStreamId: number;
  readonly pmtPid: number;
}

/**
 * Parses a program map section (ISO/IEC 13818-1 §2.4.4.8); undefined if it is none, damaged, or not in force yet
 * (current_next_indicator 0). Descriptors are copied: the section's memory may be reused.
 */
export function parseProgramMap(section: Buffer, place: ProgramPlace): ProgramMap | undefined {
  if (section[0] !== 0x02 || section.length < 16 || !isWholeSection(section)) return undefined;
  if ((section[5]! & 0x01) === 0) return undefined;
  const end = section.length - 4;
  const infoEnd = 12 + (section.readUInt16BE(10) & 0x0fff);
  if (infoEnd > end) return undefined;
  const descriptors = Buffer.from(section.subarray(12, infoEnd));
  const registration = registrationOf(descriptors);
  const streams: ElementaryStream[] = [];
  for (let at = infoEnd; at + 5 <= end; ) {
    const streamType = section[at]!;
    const pid = section.readUInt16BE(at + 1) & 0x1fff;
    const next = at + 5 + (section.readUInt16BE(at + 3) & 0x0fff);
    if (next > end) return undefined;
    const own = Buffer.from(section.subarray(at + 5, next));
    streams.push({ pid, streamType, descriptors: own, ...classifyStream(streamType, own, registration) });
    at = next;
  }
  return {
    transportStreamId: place.transportStreamId,
    programNumber: section.readUInt16BE(3),
    pmtPid: place.pmtPid,
    pcrPid: section.readUInt16BE(8) & 0x1fff,
    version: (section[5]! >> 1) & 0x1f,
    descriptors,
    streams,
  };
}
