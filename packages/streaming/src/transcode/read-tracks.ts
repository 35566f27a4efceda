import type { ProgramMap } from '@streampool/mpegts';

/**
 * The tracks that an FFmpeg has opened. It opens what it finds at its start, and never what comes later; and one that is
 * gone it waits for. The splicer gives a track of another codec another PID, so PIDs tell.
 */
export class ReadTracks {
  #tracks: readonly { pid: number; kind: string }[] | undefined;

  /** An FFmpeg opens these; undefined while they are not known yet. */
  open(program: ProgramMap | undefined): void {
    this.#tracks = program && tracksOf(program);
  }

  /** It opens the first ones that come, if it has none. */
  see(program: ProgramMap | undefined): void {
    if (!this.#tracks) this.open(program);
  }

  /** Whether an FFmpeg that has opened those can go on with these: none is gone, and no kind is new. */
  fits(program: ProgramMap | undefined): boolean {
    if (!this.#tracks || !program) return true;
    const now = tracksOf(program);
    const isThere = (pid: number): boolean => now.some((track) => track.pid === pid);
    const isKnown = (kind: string): boolean => this.#tracks?.some((track) => track.kind === kind) === true;
    return this.#tracks.every(({ pid }) => isThere(pid)) && now.every(({ kind }) => isKnown(kind));
  }
}

function tracksOf(program: ProgramMap): { pid: number; kind: string }[] {
  return program.streams.filter(({ kind }) => kind === 'video' || kind === 'audio');
}
