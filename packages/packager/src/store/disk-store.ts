import { open, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StreampoolError } from '@streampool/errors';
import type { HlsBody } from '@streampool/hls';
import type { SegmentStore } from './segment-store.ts';

/** Of a file that is given to a player, at a time. */
const READ_BYTES = 256 * 1024;

interface Kept {
  readonly length: number;
  /** While the file is being written. */
  memory: Buffer | undefined;
  removed: boolean;
}

/** One private file per segment in a directory that is this store's own. The directory is made with the first segment. */
export class DiskStore implements SegmentStore {
  readonly #openDirectory: () => Promise<string>;
  readonly #segments = new Map<string, Kept>();
  readonly #writing = new Set<Promise<void>>();
  #directory: Promise<string> | undefined;
  #bytes = 0;
  #closed = false;

  constructor(openDirectory: () => Promise<string>) {
    this.#openDirectory = openDirectory;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async put(key: string, bytes: Buffer): Promise<void> {
    if (this.#closed) throw new StreampoolError('SHUTTING_DOWN', 'the storage of segments is closed');
    this.remove(key);
    const kept: Kept = { length: bytes.length, memory: bytes, removed: false };
    this.#segments.set(key, kept);
    this.#bytes += bytes.length;
    const writing = this.#write(key, kept, bytes);
    this.#writing.add(writing);
    try {
      await writing;
    } catch (error) {
      if (this.#segments.get(key) === kept) this.remove(key);
      throw error;
    } finally {
      this.#writing.delete(writing);
    }
  }

  get(key: string): Buffer | HlsBody | undefined {
    const kept = this.#segments.get(key);
    if (!kept) return undefined;
    return kept.memory ?? { length: kept.length, open: () => this.#read(key, kept.length) };
  }

  remove(key: string): void {
    const kept = this.#segments.get(key);
    if (!kept) return;
    this.#segments.delete(key);
    this.#bytes -= kept.length;
    kept.removed = true;
    // One that is being written is removed when it has been.
    if (!kept.memory) void this.#unlink(key);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#segments.clear();
    this.#bytes = 0;
    await Promise.allSettled(this.#writing);
    const directory = await this.#directory?.catch(() => undefined);
    if (directory !== undefined) await rm(directory, { recursive: true, force: true }).catch(() => {});
  }

  async #write(key: string, kept: Kept, bytes: Buffer): Promise<void> {
    this.#directory ??= this.#openDirectory();
    // What could not be made may be possible later.
    this.#directory.catch(() => {
      this.#directory = undefined;
    });
    const path = join(await this.#directory, key);
    try {
      const file = await open(path, 'w', 0o600);
      try {
        await file.writeFile(bytes);
      } finally {
        await file.close();
      }
    } catch (error) {
      await unlink(path).catch(() => {});
      throw error;
    }
    kept.memory = undefined;
    if (kept.removed && !this.#segments.has(key)) await this.#unlink(key);
  }

  async #unlink(key: string): Promise<void> {
    const directory = await this.#directory?.catch(() => undefined);
    // One of the same name may have come meanwhile.
    if (directory !== undefined && !this.#segments.has(key))
      await unlink(join(directory, key)).catch(() => {});
  }

  async *#read(key: string, length: number): AsyncGenerator<Buffer> {
    const directory = await this.#directory;
    const file = await open(join(directory!, key), 'r').catch((cause: unknown) => {
      throw new StreampoolError('NOT_FOUND', 'the segment has left the window', { cause });
    });
    try {
      let read = 0;
      while (read < length) {
        const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, length - read));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, read);
        if (bytesRead === 0) throw new StreampoolError('INTERNAL', 'a stored segment is shorter than it was');
        read += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }
}
