/** What an elementary stream carries, as a player would sort it. */
export type StreamKind = 'video' | 'audio' | 'subtitle' | 'data';

/** The codecs whose access points or timestamps are treated specially; everything else is `other`. */
export type Codec =
  | 'h264'
  | 'hevc'
  | 'mpeg1video'
  | 'mpeg2video'
  | 'mp1'
  | 'mp2'
  | 'aac'
  | 'aac-latm'
  | 'ac3'
  | 'eac3'
  | 'dts'
  | 'opus'
  | 'dvb-subtitle'
  | 'teletext'
  | 'scte35'
  | 'other';

/** One entry of a program map (ISO/IEC 13818-1 §2.4.4.8). */
export interface ElementaryStream {
  readonly pid: number;
  readonly streamType: number;
  readonly kind: StreamKind;
  readonly codec: Codec;
  /** ISO 639-2 code where a descriptor names one. */
  readonly language?: string;
  /** The ES_info descriptors, unparsed, so that a rebuilt map loses nothing. */
  readonly descriptors: Buffer;
}

/** A program map table, with the PAT entry that points at it. */
export interface ProgramMap {
  readonly transportStreamId: number;
  readonly programNumber: number;
  readonly pmtPid: number;
  readonly pcrPid: number;
  readonly version: number;
  readonly descriptors: Buffer;
  readonly streams: readonly ElementaryStream[];
}

/** A place where a decoder can start. */
export interface AccessPoint {
  /** Absolute offset in bytes (of the scanned stream) of the packet that starts the access unit. */
  readonly offset: number;
  /** The PAT and PMT packets a viewer needs before this point, whole packets, with continuity counters that fit it. */
  readonly tables: Buffer;
  /** The last continuity counter before this point of each PID of the program, and of service information, that had one. */
  readonly continuity?: ReadonlyMap<number, number>;
  /** Presentation time in 90 kHz units (33 bits), where the PES header has one. */
  readonly pts?: number;
}
