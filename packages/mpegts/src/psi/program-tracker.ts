import { packetizeSection } from '../build/sections.ts';
import { PACKET_SIZE, PAT_PID, setContinuity } from '../packet.ts';
import type { ProgramMap } from '../types.ts';
import { type ProgramAssociation, parseProgramAssociation } from './program-association.ts';
import { parseProgramMap } from './program-map.ts';
import { SectionAssembler } from './section-assembler.ts';

/** One section as it stands in the stream, with packets made from it whose counters are set when they are used. */
interface KeptSection {
  readonly section: Buffer;
  readonly packets: Buffer;
}

/**
 * Follows PAT and PMT and chooses one program: the first with video, else the first.
 * Told about every packet of the PIDs in `pids`, it knows at any time the tables a viewer who joins now needs.
 */
export class ProgramTracker {
  /** The chosen program; undefined until its map has been seen, and while a new PAT has made it obsolete. */
  program: ProgramMap | undefined;
  /** PIDs that must be given to `push`. */
  readonly pids = new Set<number>([PAT_PID]);

  readonly #pat = new SectionAssembler((section) => this.#onPatSection(section));
  readonly #patSections: (KeptSection & { association: ProgramAssociation })[] = [];
  readonly #maps = new Map<number, SectionAssembler>();
  /** By program number; what the PAT no longer names is removed. */
  readonly #programs = new Map<number, KeptSection & { map: ProgramMap }>();
  #tables: Buffer | undefined;
  #changed = false;

  /** Takes the packet at `at`, of one of `pids`. True if `program` or `pids` changed by it. */
  push(data: Buffer, at: number, pid: number): boolean {
    this.#changed = false;
    this.#tables = undefined;
    if (pid === PAT_PID) this.#pat.push(data, at);
    else this.#maps.get(pid)?.push(data, at);
    return this.#changed;
  }

  /**
   * PAT and PMT of the chosen program as last seen, as packets whose continuity counters are the last seen ones,
   * so that a viewer who gets these and then the stream sees the counters go on. Immutable.
   */
  get tables(): Buffer | undefined {
    if (this.#tables || !this.program) return this.#tables;
    const pmt = this.#programs.get(this.program.programNumber);
    const pmtContinuity = this.#maps.get(this.program.pmtPid)?.lastContinuity;
    if (!pmt || pmtContinuity === undefined) return undefined;
    const pat = Buffer.concat(this.#patSections.map((kept) => kept.packets));
    this.#tables = Buffer.concat([
      endingWith(pat, this.#pat.lastContinuity),
      endingWith(pmt.packets, pmtContinuity),
    ]);
    return this.#tables;
  }

  #onPatSection(section: Buffer): void {
    const number = section[6] ?? 0;
    if (this.#patSections[number]?.section.equals(section)) return;
    const association = parseProgramAssociation(section);
    if (!association) return;
    const { sectionNumber, lastSectionNumber, version } = association;
    const stale = this.#patSections[0]?.association;
    if (stale && (stale.version !== version || stale.lastSectionNumber !== lastSectionNumber)) {
      this.#patSections.length = 0;
    }
    // A table of several sections is used from its first section on; a gap before a later one would be a sparse array.
    if (sectionNumber > this.#patSections.length) return;
    this.#patSections[sectionNumber] = { ...keep(PAT_PID, section), association };
    this.#followMaps();
  }

  /** After a change of the PAT: listens where it points, forgets what it no longer names. */
  #followMaps(): void {
    const places = this.#associated();
    const pids = new Set(places.map((place) => place.pmtPid));
    for (const pid of this.#maps.keys()) if (!pids.has(pid)) this.#maps.delete(pid);
    for (const pid of pids) {
      if (this.#maps.has(pid) || pid === PAT_PID) continue;
      this.#maps.set(pid, new SectionAssembler((section) => this.#onMapSection(section, pid)));
    }
    for (const [number, { map }] of this.#programs) {
      const place = places.find((p) => p.programNumber === number);
      if (place?.pmtPid !== map.pmtPid) this.#programs.delete(number);
    }
    this.pids.clear();
    for (const pid of [PAT_PID, ...pids]) this.pids.add(pid);
    this.#changed = true;
    this.#choose();
  }

  #onMapSection(section: Buffer, pmtPid: number): void {
    const known = this.#programs.get(section.length >= 5 ? section.readUInt16BE(3) : -1);
    if (known?.section.equals(section)) return;
    const first = this.#patSections[0];
    if (!first) return;
    const map = parseProgramMap(section, {
      pmtPid,
      transportStreamId: first.association.transportStreamId,
    });
    if (!map) return;
    const named = this.#associated().some(
      (p) => p.programNumber === map.programNumber && p.pmtPid === pmtPid,
    );
    if (!named) return;
    this.#programs.set(map.programNumber, { ...keep(pmtPid, section), map });
    this.#choose();
  }

  #choose(): void {
    const places = this.#associated();
    const maps = places.flatMap((place) => this.#programs.get(place.programNumber)?.map ?? []);
    const current = maps.find((map) => map.programNumber === this.program?.programNumber);
    const withVideo = maps.find((map) => map.streams.some((stream) => stream.kind === 'video'));
    // A radio programme is taken only once no programme of the PAT can turn out to have video.
    const chosen =
      current && (hasVideo(current) || !withVideo)
        ? current
        : (withVideo ?? (maps.length === places.length ? maps[0] : undefined));
    if (chosen === this.program) return;
    this.program = chosen;
    this.#changed = true;
  }

  #associated(): ProgramAssociation['programs'] {
    return this.#patSections.flatMap((kept) => kept.association.programs);
  }
}

function hasVideo(map: ProgramMap): boolean {
  return map.streams.some((stream) => stream.kind === 'video');
}

function keep(pid: number, section: Buffer): KeptSection {
  const copy = Buffer.from(section);
  return { section: copy, packets: packetizeSection(pid, copy) };
}

/** A copy of packets of one PID with counters that count up to `last`. */
function endingWith(packets: Buffer, last: number): Buffer {
  const copy = Buffer.from(packets);
  const count = copy.length / PACKET_SIZE;
  for (let i = 0; i < count; i++) setContinuity(copy, i * PACKET_SIZE, last - (count - 1 - i));
  return copy;
}
