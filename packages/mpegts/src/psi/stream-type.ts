import type { Codec, StreamKind } from '../types.ts';

export interface StreamClass {
  readonly kind: StreamKind;
  readonly codec: Codec;
  readonly language?: string;
}

type Row = readonly [StreamKind, Codec];

/** stream_type assignments (ISO/IEC 13818-1 table 2-34; ATSC A/53; the Blu-ray ones that IPTV uses too). */
const BY_STREAM_TYPE: Readonly<Record<number, Row>> = {
  1: ['video', 'mpeg1video'],
  2: ['video', 'mpeg2video'],
  3: ['audio', 'mp1'],
  4: ['audio', 'mp2'],
  15: ['audio', 'aac'],
  16: ['video', 'other'],
  17: ['audio', 'aac-latm'],
  27: ['video', 'h264'],
  28: ['audio', 'other'],
  32: ['video', 'other'],
  36: ['video', 'hevc'],
  51: ['video', 'other'],
  66: ['video', 'other'],
  128: ['video', 'mpeg2video'],
  129: ['audio', 'ac3'],
  130: ['subtitle', 'other'],
  132: ['audio', 'eac3'],
  134: ['data', 'scte35'],
  135: ['audio', 'eac3'],
  138: ['audio', 'dts'],
  144: ['subtitle', 'other'],
  209: ['video', 'other'],
  210: ['video', 'other'],
  234: ['video', 'other'],
};

/** What some stream_types mean in a program registered as HDMV (Blu-ray), where they differ. */
const IN_HDMV: Readonly<Record<number, Row>> = {
  128: ['audio', 'other'],
  130: ['audio', 'dts'],
  131: ['audio', 'other'],
  133: ['audio', 'dts'],
  134: ['audio', 'dts'],
};

/** Private PES data (0x06) says what it is by a registration (§2.6.8)… */
const BY_REGISTRATION: Readonly<Record<string, Row>> = {
  'AC-3': ['audio', 'ac3'],
  EAC3: ['audio', 'eac3'],
  DTS1: ['audio', 'dts'],
  DTS2: ['audio', 'dts'],
  DTS3: ['audio', 'dts'],
  Opus: ['audio', 'opus'],
  BSSD: ['audio', 'other'],
  'AC-4': ['audio', 'other'],
  HEVC: ['video', 'hevc'],
  'VC-1': ['video', 'other'],
  AV01: ['video', 'other'],
  CUEI: ['data', 'scte35'],
};

/** …or by a DVB descriptor (ETSI EN 300 468 §6.2). */
const BY_DVB_DESCRIPTOR: Readonly<Record<number, Row>> = {
  69: ['subtitle', 'teletext'],
  70: ['subtitle', 'teletext'],
  86: ['subtitle', 'teletext'],
  89: ['subtitle', 'dvb-subtitle'],
  106: ['audio', 'ac3'],
  122: ['audio', 'eac3'],
  123: ['audio', 'dts'],
  124: ['audio', 'aac'],
};

/** Descriptors whose first three payload bytes are an ISO 639-2 language: ISO 639, VBI teletext, teletext, subtitling. */
const NAMES_LANGUAGE = new Set([0x0a, 0x46, 0x56, 0x59]);

/** Sorts an entry of a program map by its stream_type, its own descriptors and the program's registration. */
export function classifyStream(
  streamType: number,
  descriptors: Buffer,
  programRegistration?: string,
): StreamClass {
  let row: Row | undefined;
  let language: string | undefined;
  const isPrivate = streamType === 0x06 || streamType >= 0x80;
  for (const [tag, body] of eachDescriptor(descriptors)) {
    if (isPrivate) {
      if (tag === 0x05) row ??= BY_REGISTRATION[body.toString('latin1', 0, 4)];
      else if (streamType === 0x06) row ??= BY_DVB_DESCRIPTOR[tag];
    }
    if (NAMES_LANGUAGE.has(tag) && body.length >= 3) language ??= languageCode(body);
  }
  if (programRegistration === 'HDMV') row ??= IN_HDMV[streamType];
  row ??= BY_STREAM_TYPE[streamType] ?? ['data', 'other'];
  const [kind, codec] = row;
  return language === undefined ? { kind, codec } : { kind, codec, language };
}

/** The format_identifier of the first registration descriptor, if there is one. */
export function registrationOf(descriptors: Buffer): string | undefined {
  for (const [tag, body] of eachDescriptor(descriptors)) {
    if (tag === 0x05) return body.toString('latin1', 0, 4);
  }
  return undefined;
}

function languageCode(body: Buffer): string | undefined {
  const code = body.toString('latin1', 0, 3);
  return /^[A-Za-z]{3}$/.test(code) ? code.toLowerCase() : undefined;
}

function* eachDescriptor(descriptors: Buffer): Generator<[tag: number, body: Buffer]> {
  let at = 0;
  while (at + 2 <= descriptors.length) {
    const size = descriptors[at + 1]!;
    yield [descriptors[at]!, descriptors.subarray(at + 2, at + 2 + size)];
    at += 2 + size;
  }
}
