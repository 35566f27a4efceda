import { mkdir, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type HlsResume,
  type PlaylistSegment,
  readMediaPlaylist,
  writeHead,
  writeSegment,
  writeTail,
} from '@streampool/hls';

/** Its names are those that clients of m3u-proxy look for. */
const PLAYLIST = 'live.m3u8';
const SEGMENT = /^live(\d{6,})\.ts$/;

export interface FolderSegment extends Omit<PlaylistSegment, 'uri'> {
  readonly number: number;
}

export interface FolderOptions {
  readonly path: string;
  /** Segments in the playlist; those that have left it are removed one list later. */
  readonly listSize: number;
  /** A recording: all segments stay and are listed, also those that an earlier process has written. */
  readonly keepsAll: boolean;
}

/**
 * A playlist and its segments on disk: `live.m3u8`, `live000017.ts`. Other programs may read them at any time: the playlist is
 * replaced as a whole, after the segments that it names are there.
 */
export class ProgrammeFolder {
  readonly path: string;
  readonly #keepsAll: boolean;
  #listSize: number;
  #segments: FolderSegment[] = [];
  #discontinuitySequence = 0;
  #targetDurationS = 0;
  #bytes = 0;
  #playlist: Buffer | undefined;

  private constructor({ path, listSize, keepsAll }: FolderOptions) {
    this.path = path;
    this.#listSize = listSize;
    this.#keepsAll = keepsAll;
  }

  static async open(options: FolderOptions): Promise<ProgrammeFolder> {
    await mkdir(options.path, { recursive: true, mode: 0o755 });
    const folder = new ProgrammeFolder(options);
    if (options.keepsAll) await folder.#restore();
    return folder;
  }

  /** Undefined before the first segment. Segments are named as they are asked for below the network's own address. */
  get playlist(): Buffer | undefined {
    return this.#playlist;
  }

  get targetDurationMs(): number {
    return this.#targetDurationS * 1000;
  }

  /** The last segment's number. */
  get lastNumber(): number | undefined {
    return this.#segments.at(-1)?.number;
  }

  /** How far its playlist has come, for whoever goes on with it; undefined before the first segment. */
  get progress(): HlsResume | undefined {
    const last = this.#segments.at(-1);
    if (!last) return undefined;
    const { number, programDateTimeMs, durationMs } = last;
    const listed = this.#segments.filter(({ discontinuity }) => discontinuity).length;
    return {
      ...{ mediaSequence: number, discontinuitySequence: this.#discontinuitySequence + listed },
      ...(programDateTimeMs !== undefined && { endMs: programDateTimeMs + durationMs }),
    };
  }

  /** Of all segments so far. */
  get bytesWritten(): number {
    return this.#bytes;
  }

  /** The highest number of what is there, also of what an earlier process has left; -1 for none. */
  async highestNumber(): Promise<number> {
    const numbers = (await readdir(this.path)).map((name) => Number(SEGMENT.exec(name)?.[1] ?? -1));
    return Math.max(-1, ...numbers);
  }

  /** Removes all that is there, for numbers that begin anew. */
  async empty(): Promise<void> {
    this.#segments = [];
    this.#playlist = undefined;
    this.#discontinuitySequence = 0;
    const names = await readdir(this.path);
    const ours = names.filter((name) => SEGMENT.test(name) || name === PLAYLIST);
    await Promise.all(ours.map((name) => rm(join(this.path, name), { force: true })));
  }

  set listSize(segments: number) {
    this.#listSize = segments;
  }

  /** Its playlist follows on one of another process, unless that has been read already. */
  goOn({ discontinuitySequence }: { readonly discontinuitySequence: number }): void {
    if (this.#segments.length === 0)
      this.#discontinuitySequence = Math.max(this.#discontinuitySequence, discontinuitySequence);
  }

  /**
   * Numbers grow by one, but may leap where a programme says so: what was listed before then leaves the playlist, of recordings
   * only where numbers go back, since those files are written anew.
   */
  async add(segment: FolderSegment, bytes: Buffer, targetDurationS: number): Promise<void> {
    const last = this.lastNumber;
    await writeFile(join(this.path, segmentName(segment.number)), bytes, { mode: 0o644 });
    this.#bytes += bytes.length;
    this.#targetDurationS = Math.max(this.#targetDurationS, targetDurationS);
    const leaps = last !== undefined && segment.number !== last + 1;
    const goesBack = last !== undefined && segment.number <= last;
    if (goesBack || (leaps && !this.#keepsAll)) this.#leave(this.#segments.length);
    this.#segments.push(segment);
    if (this.#keepsAll) return this.#writePlaylist({ ended: false });
    this.#leave(Math.max(0, this.#segments.length - this.#listSize));
    await this.#writePlaylist({ ended: false });
    await this.#removeOld(segment.number - 2 * this.#listSize);
  }

  /** Says that a recording is complete (EXT-X-ENDLIST), until it is added to again; a channel has no end. */
  async finish(): Promise<void> {
    if (this.#keepsAll && this.#segments.length > 0) await this.#writePlaylist({ ended: true });
  }

  /** Undefined if there is no such segment. @throws the file system's error for anything else */
  async segment(name: string): Promise<{ path: string; bytes: number } | undefined> {
    if (!SEGMENT.test(name)) return undefined;
    const path = join(this.path, name);
    try {
      return { path, bytes: (await stat(path)).size };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async remove(): Promise<void> {
    this.#segments = [];
    this.#playlist = undefined;
    await rm(this.path, { recursive: true, force: true });
  }

  async #restore(): Promise<void> {
    const text = await readFile(join(this.path, PLAYLIST), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const { segments, discontinuitySequence = 0, targetDurationMs } = readMediaPlaylist(text);
    this.#discontinuitySequence = discontinuitySequence;
    this.#targetDurationS = targetDurationMs / 1000;
    for (const { uri, durationMs, isDiscontinuity, startsAtMs } of segments) {
      const number = Number(SEGMENT.exec(uri)?.[1]);
      if (Number.isNaN(number)) continue;
      const programDateTimeMs = startsAtMs === undefined ? {} : { programDateTimeMs: startsAtMs };
      this.#segments.push({ number, durationMs, discontinuity: isDiscontinuity, ...programDateTimeMs });
    }
  }

  #leave(count: number): void {
    const gone = this.#segments.splice(0, count);
    this.#discontinuitySequence += gone.filter(({ discontinuity }) => discontinuity).length;
  }

  async #writePlaylist({ ended }: { readonly ended: boolean }): Promise<void> {
    const [first] = this.#segments;
    const text = (folder: string): string =>
      writeHead({
        targetDurationS: this.#targetDurationS,
        mediaSequence: first?.number ?? 0,
        discontinuitySequence: this.#discontinuitySequence,
        independentSegments: true,
      }) +
      this.#segments
        .map((segment) => writeSegment({ ...segment, uri: folder + segmentName(segment.number) }))
        .join('') +
      writeTail({ ended });
    this.#playlist = Buffer.from(text('segment/'));
    const draft = join(this.path, `.${PLAYLIST}`);
    await writeFile(draft, text(''), { mode: 0o644 });
    await rename(draft, join(this.path, PLAYLIST));
  }

  async #removeOld(upTo: number): Promise<void> {
    for (const name of await readdir(this.path)) {
      const number = SEGMENT.exec(name)?.[1];
      if (number !== undefined && Number(number) <= upTo) await unlink(join(this.path, name)).catch(() => {});
    }
  }
}

export function segmentName(number: number): string {
  return `live${`${number}`.padStart(6, '0')}.ts`;
}
