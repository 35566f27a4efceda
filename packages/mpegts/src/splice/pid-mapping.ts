import { buildPmtSection } from '../build/sections.ts';
import { NULL_PID, PID_COUNT } from '../packet.ts';
import type { ElementaryStream, ProgramMap } from '../types.ts';

/** How the PIDs of a source become those of an established output. */
export interface PidMapping {
  /** The output's program map: the established one where it fits, else the next version of it. */
  readonly map: ProgramMap;
  /** Output PID by source PID; -1 where packets are left out. */
  readonly pids: Int16Array;
}

const FIRST_FREE_PID = 0x100;

/**
 * Maps the streams of a source onto those of the output, by kind and codec (and language, if several fit) in order,
 * so that players keep their decoders and their choice of tracks. What has no counterpart gets a PID of its own:
 * a decoder must not meet another codec on a PID it knows.
 */
export function mapPids(established: ProgramMap, source: ProgramMap): PidMapping {
  const matches = matchStreams(established.streams, source.streams);
  const pids = new Int16Array(PID_COUNT).fill(-1);
  const taken = new Set([established.pmtPid, ...established.streams.map((stream) => stream.pid), NULL_PID]);
  const streams = source.streams.map((stream) => {
    const match = matches.get(stream);
    const pid = match?.pid ?? freePid(stream.pid, taken);
    taken.add(pid);
    pids[stream.pid] = pid;
    return match && isSameToDecoders(match, stream) ? match : { ...stream, pid };
  });
  let pcrPid = pids[source.pcrPid]!;
  if (pcrPid < 0) {
    // The clock has a PID of its own (or there is none): keep the output's, if that is not a stream's.
    const own = established.streams.every((stream) => stream.pid !== established.pcrPid);
    pcrPid = own ? established.pcrPid : freePid(source.pcrPid, taken);
    if (source.pcrPid === NULL_PID) pcrPid = NULL_PID;
    else pids[source.pcrPid] = pcrPid;
  }
  // In the established order, so that a map that means the same is the same.
  const place = (stream: ElementaryStream) => {
    const index = established.streams.findIndex((known) => known.pid === stream.pid);
    return index < 0 ? Number.POSITIVE_INFINITY : index;
  };
  streams.sort((a, b) => place(a) - place(b) || 0);
  const same = { ...established, pcrPid, streams };
  const isUnchanged = buildPmtSection(same).equals(buildPmtSection(established));
  const map = isUnchanged ? established : { ...same, version: (established.version + 1) & 0x1f };
  return { map, pids };
}

function matchStreams(
  established: readonly ElementaryStream[],
  source: readonly ElementaryStream[],
): Map<ElementaryStream, ElementaryStream> {
  const matches = new Map<ElementaryStream, ElementaryStream>();
  const used = new Set<ElementaryStream>();
  for (const byLanguage of [true, false]) {
    for (const stream of source) {
      if (matches.has(stream)) continue;
      const match = established.find(
        (known) =>
          !used.has(known) &&
          known.kind === stream.kind &&
          known.codec === stream.codec &&
          known.streamType === stream.streamType &&
          (!byLanguage || known.language === stream.language),
      );
      if (!match) continue;
      matches.set(stream, match);
      used.add(match);
    }
  }
  return matches;
}

/** Whether a player needs to be told nothing new. Page numbers and the like of subtitles and data are in descriptors. */
function isSameToDecoders(known: ElementaryStream, stream: ElementaryStream): boolean {
  if (known.descriptors.equals(stream.descriptors)) return true;
  const isSelfDescribing =
    (stream.kind === 'video' || stream.kind === 'audio') &&
    stream.codec !== 'other' &&
    stream.codec !== 'opus';
  return isSelfDescribing && (stream.language === undefined || stream.language === known.language);
}

function freePid(wanted: number, taken: ReadonlySet<number>): number {
  if (wanted >= 0x20 && !taken.has(wanted)) return wanted;
  let pid = FIRST_FREE_PID;
  while (taken.has(pid)) pid++;
  return pid;
}
