import {
  buildPatSection,
  buildPmtSection,
  crc32,
  type ProgramMap,
  packetizeSection,
  TsScanner,
} from '../src/index.ts';
import { classifyStream } from '../src/psi/stream-type.ts';
import { program } from './build.ts';

/** A PAT section that names several programs. */
function patOf(maps: readonly ProgramMap[], version = 0, number = 0, last = 0): Buffer {
  const section = Buffer.alloc(12 + 4 * maps.length);
  section[0] = 0;
  section.writeUInt16BE(0xb000 | (section.length - 3), 1);
  section.writeUInt16BE(1, 3);
  section.set([0xc1 | (version << 1), number, last], 5);
  maps.forEach((map, i) => {
    section.writeUInt16BE(map.programNumber, 8 + 4 * i);
    section.writeUInt16BE(0xe000 | map.pmtPid, 10 + 4 * i);
  });
  section.writeUInt32BE(crc32(section, 0, section.length - 4), section.length - 4);
  return section;
}

function programsOf(packets: readonly Buffer[]): ProgramMap[] {
  const programs: ProgramMap[] = [];
  const scanner = new TsScanner({ onProgram: (map) => programs.push(map) });
  for (const [i, packet] of packets.entries()) scanner.scan(packet, i * 188);
  return programs;
}

const radio = program({ programNumber: 1, pmtPid: 0x30, pcrPid: 0x102, streams: [program().streams[1]!] });
const tv = program({ programNumber: 2, pmtPid: 0x31 });
const pmt = (map: ProgramMap) => packetizeSection(map.pmtPid, buildPmtSection(map));

test('CRC-32/MPEG-2 of the catalogue', () => {
  expect(crc32(Buffer.from('123456789'))).toBe(0x0376e6e7);
});

test('of several programs the first with video is chosen, whatever comes first', () => {
  const pat = packetizeSection(0, patOf([radio, tv]));
  expect(programsOf([pat, pmt(radio), pmt(tv)])).toEqual([tv]);
  expect(programsOf([pat, pmt(tv), pmt(radio)])).toEqual([tv]);
});

test('without video the first, once all are known', () => {
  const second = { ...radio, programNumber: 2, pmtPid: 0x31 };
  const pat = packetizeSection(0, patOf([radio, second]));
  expect(programsOf([pat, pmt(second)])).toEqual([]);
  expect(programsOf([pat, pmt(second), pmt(radio)])).toEqual([radio]);
});

test('a PAT of two sections, and two maps on one PID in one packet', () => {
  const shared = { ...radio, pmtPid: tv.pmtPid };
  const both = Buffer.concat([buildPmtSection(shared), buildPmtSection(tv)]);
  const packets = [
    packetizeSection(0, patOf([shared], 0, 0, 1), 0),
    packetizeSection(0, patOf([tv], 0, 1, 1), 1),
    packetizeSection(tv.pmtPid, both),
  ];
  expect(programsOf(packets)).toEqual([tv]);
});

test('a section that ends in the packet where the next one begins (pointer_field)', () => {
  const streams = Array.from({ length: 30 }, (_, i) => ({ ...tv.streams[1]!, pid: 0x200 + i }));
  const long = program({ ...tv, streams: [tv.streams[0]!, ...streams] });
  const first = buildPmtSection(long);
  const second = buildPmtSection({ ...tv, version: 1 });
  const one = packetizeSection(tv.pmtPid, first.subarray(0, 183), 0);
  // The rest of the first section behind the pointer, then the second section.
  const rest = first.subarray(183);
  expect(rest.length + second.length).toBeLessThan(183);
  const two = packetizeSection(tv.pmtPid, Buffer.concat([rest, second]), 1);
  two[4] = rest.length;
  expect(programsOf([packetizeSection(0, patOf([tv])), one, two])).toEqual([long, { ...tv, version: 1 }]);
});

test('a program that the PAT no longer names is given up', () => {
  const other = program({ programNumber: 3, pmtPid: 0x40 });
  const packets = [
    packetizeSection(0, buildPatSection(tv)),
    pmt(tv),
    packetizeSection(0, buildPatSection(other, 1), 1),
    pmt({ ...tv, version: 5 }),
    pmt(other),
  ];
  expect(programsOf(packets)).toEqual([tv, other]);
});

test('a table that is not in force yet is not used', () => {
  const next = buildPmtSection({ ...tv, version: 1 });
  next[5]! &= ~1;
  next.writeUInt32BE(crc32(next, 0, next.length - 4), next.length - 4);
  const packets = [packetizeSection(0, buildPatSection(tv)), packetizeSection(tv.pmtPid, next), pmt(tv)];
  expect(programsOf(packets)).toEqual([tv]);
});

test.each([
  [0x06, '6a0100', undefined, { kind: 'audio', codec: 'ac3' }],
  [0x06, '7a0100', undefined, { kind: 'audio', codec: 'eac3' }],
  [0x06, '05044f707573', undefined, { kind: 'audio', codec: 'opus' }],
  [0x06, '0a0464657500 6a0100', undefined, { kind: 'audio', codec: 'ac3', language: 'deu' }],
  [0x06, '5605 454e47 09 00', undefined, { kind: 'subtitle', codec: 'teletext', language: 'eng' }],
  [0x06, '5908 667261 10 0001 0001', undefined, { kind: 'subtitle', codec: 'dvb-subtitle', language: 'fra' }],
  [0x06, '', undefined, { kind: 'data', codec: 'other' }],
  [0x81, '', undefined, { kind: 'audio', codec: 'ac3' }],
  [0x86, '', undefined, { kind: 'data', codec: 'scte35' }],
  [0x86, '', 'HDMV', { kind: 'audio', codec: 'dts' }],
  [0x06, '0504 48455643', undefined, { kind: 'video', codec: 'hevc' }],
  [0x24, 'ff', undefined, { kind: 'video', codec: 'hevc' }],
])('stream_type %i with descriptors %s (%s)', (type, hex, registration, expected) => {
  const descriptors = Buffer.from(hex.replace(/ /g, ''), 'hex');
  expect(classifyStream(type, descriptors, registration)).toEqual(expected);
});
