import { isWholeSection } from './section.ts';

/** One section of a program association table (ISO/IEC 13818-1 §2.4.4.3). */
export interface ProgramAssociation {
  readonly transportStreamId: number;
  readonly version: number;
  readonly sectionNumber: number;
  readonly lastSectionNumber: number;
  /** In the order of the table; the network PID (program number 0) is left out. */
  readonly programs: readonly { readonly programNumber: number; readonly pmtPid: number }[];
}

/** Parses a PAT section; undefined if it is none, damaged, or not in force yet (current_next_indicator 0). */
export function parseProgramAssociation(section: Buffer): ProgramAssociation | undefined {
  if (section[0] !== 0x00 || section.length < 12 || !isWholeSection(section)) return undefined;
  if ((section[5]! & 0x01) === 0) return undefined;
  const programs: { programNumber: number; pmtPid: number }[] = [];
  for (let at = 8; at + 4 <= section.length - 4; at += 4) {
    const programNumber = section.readUInt16BE(at);
    if (programNumber !== 0) programs.push({ programNumber, pmtPid: section.readUInt16BE(at + 2) & 0x1fff });
  }
  return {
    transportStreamId: section.readUInt16BE(3),
    version: (section[5]! >> 1) & 0x1f,
    sectionNumber: section[6]!,
    lastSectionNumber: section[7]!,
    programs,
  };
}
