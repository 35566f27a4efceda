export { buildPatSection, buildPmtSection, buildTables, packetizeSection } from './build/sections.ts';
export { NULL_PID, PACKET_SIZE, PAT_PID, SYNC_BYTE } from './packet.ts';
export { PacketAligner } from './packet-aligner.ts';
export { crc32 } from './psi/crc32.ts';
export { parseProgramAssociation } from './psi/program-association.ts';
export { parseProgramMap } from './psi/program-map.ts';
export { TICKS_PER_SECOND, tickDifference } from './timestamps.ts';
export { TsScanner, type TsScannerEvents } from './ts-scanner.ts';
export type * from './types.ts';
