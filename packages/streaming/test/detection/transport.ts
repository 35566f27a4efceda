import { buildTables, type ElementaryStream, type ProgramMap, TsScanner } from '@streampool/mpegts';

export const VIDEO_PID = 0x100;
export const AUDIO_PID = 0x101;
export const NULL_PID = 0x1fff;

/** `count` packets of a PID with payload (or without: the clock alone). */
export function packets(pid: number, count = 1, hasPayload = true): Buffer {
  const run = Buffer.alloc(count * 188, 0xa5);
  for (let at = 0; at < run.length; at += 188) {
    run.set([0x47, pid >> 8, pid & 0xff, hasPayload ? 0x10 : 0x20], at);
    if (!hasPayload) run[at + 4] = 183;
  }
  return run;
}

/** A program map with these kinds of streams, on {@link VIDEO_PID} and {@link AUDIO_PID}. */
export function program(...kinds: ('video' | 'audio')[]): ProgramMap {
  const streams = kinds.map(
    (kind): ElementaryStream => ({
      pid: kind === 'video' ? VIDEO_PID : AUDIO_PID,
      streamType: kind === 'video' ? 27 : 15,
      kind,
      codec: kind === 'video' ? 'h264' : 'aac',
      descriptors: Buffer.alloc(0),
    }),
  );
  return {
    transportStreamId: 1,
    programNumber: 1,
    pmtPid: 0x1000,
    pcrPid: VIDEO_PID,
    version: 0,
    descriptors: Buffer.alloc(0),
    streams,
  };
}

/** A program map as it comes out of a stream, read back from its packets. */
export function readBack(map: ProgramMap): ProgramMap {
  const scanner = new TsScanner();
  scanner.scan(buildTables(map), 0);
  return scanner.program!;
}
