import type { HlsBody } from '@streampool/hls';
import type { Logger } from 'pino';
import { DiskStore } from './disk-store.ts';
import { MemoryStore } from './memory-store.ts';
import { openPrivateDirectory, removeLeftovers } from './private-directory.ts';
import type { SegmentStore } from './segment-store.ts';

export interface SegmentStorageOptions {
  /** The most bytes of segments that all streams of the process keep in memory. */
  readonly memoryBudgetBytes: number;
  /** The most that one stream does. */
  readonly streamBudgetBytes: number;
  /** Where segments go that memory is too small for. Absent: nowhere, windows are shortened instead. */
  readonly directory?: string;
  readonly log: Logger;
  /** In the place of the directory. */
  readonly disk?: SegmentStore;
}

/** What segments take up, in bytes. */
export interface StorageSnapshot {
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

export interface ShelfOptions {
  readonly streamId: string;
  /** This many of the newest segments stay in memory whatever happens: they are what most players ask for. */
  readonly hotSegments: number;
  /** There was no room for this one and all before it: they are gone. */
  readonly onLost: (index: number) => void;
}

/** How much more than its budget memory may hold while a slow disk is waited for. */
const PATIENCE = 1.5;
/** An operator is told of a lack of room this often, ms. */
const TELL_EVERY_MS = 60_000;

/** The segments of one stream. Indexes grow. */
export interface SegmentShelf {
  put(index: number, bytes: Buffer): void;
  get(index: number): Buffer | HlsBody | undefined;
  /** Idempotent. */
  remove(index: number): void;
  readonly snapshot: StorageSnapshot;
  /** Idempotent. */
  close(): void;
}

/**
 * Keeps the segments of all streams of a process: the newest in memory, older ones on disk as soon as memory is short, and
 * where that is full, too, the oldest are given up.
 */
export class SegmentStorage {
  readonly #options: SegmentStorageOptions;
  readonly #memory = new MemoryStore();
  readonly #disk: SegmentStore | undefined;
  readonly #shelves = new Set<Shelf>();
  #movingBytes = 0;
  #shelvesOpened = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(options: SegmentStorageOptions) {
    this.#options = options;
    const { directory, log } = options;
    this.#disk =
      options.disk ??
      (directory === undefined ? undefined : new DiskStore(() => openPrivateDirectory(directory)));
    if (directory === undefined) return;
    void removeLeftovers(directory).then((count) => {
      if (count > 0) log.info({ count, directory }, 'removed segments that killed processes had left behind');
    });
  }

  open(options: ShelfOptions): SegmentShelf {
    this.#shelvesOpened += 1;
    const shelf = new Shelf({
      ...options,
      // The same stream may be opened again before its former shelf is empty.
      prefix: `${options.streamId.replaceAll(/[^\w-]/g, '_').slice(0, 80)}-${this.#shelvesOpened}`,
      memory: this.#memory,
      disk: this.#disk,
      onPut: () => this.#makeRoom(),
      onClosed: () => this.#shelves.delete(shelf),
    });
    this.#shelves.add(shelf);
    return shelf;
  }

  get snapshot(): StorageSnapshot {
    return { memoryBytes: this.#memory.bytes, diskBytes: this.#disk?.bytes ?? 0 };
  }

  /** Idempotent: nothing is left in memory or on disk. */
  async close(): Promise<void> {
    for (const shelf of [...this.#shelves]) shelf.close();
    await Promise.all([this.#memory.close(), this.#disk?.close()]);
  }

  #makeRoom(): void {
    const { streamBudgetBytes } = this.#options;
    for (const shelf of this.#shelves)
      while (shelf.settledBytes > streamBudgetBytes) if (!this.#moveOldest(shelf)) break;
    for (;;) {
      const over = this.#memory.bytes - this.#movingBytes - this.#options.memoryBudgetBytes;
      if (over <= 0) return;
      const largest = [...this.#shelves].reduce((a, b) => (b.settledBytes > a.settledBytes ? b : a));
      if (!this.#moveOldest(largest)) return;
    }
  }

  /** False if nothing can be done. */
  #moveOldest(shelf: Shelf): boolean {
    const entry = shelf.oldestInMemory();
    if (!entry) return false;
    const isTooSlow = this.#memory.bytes > this.#options.memoryBudgetBytes * PATIENCE;
    if (!this.#disk || isTooSlow) {
      this.#tell(this.#disk ? 'the disk is too slow' : 'there is no directory for it');
      return shelf.lose((index) => index <= entry.index);
    }
    this.#movingBytes += entry.length;
    void shelf.move(entry).then(
      () => this.#moved(entry, true),
      (error: Error) => {
        this.#tell(error.message);
        // What is oldest makes room on disk for what is newer.
        this.#moved(
          entry,
          shelf.lose((_, freed) => freed < entry.length),
        );
      },
    );
    return true;
  }

  #moved({ length }: Entry, hasChanged: boolean): void {
    this.#movingBytes -= length;
    if (hasChanged) this.#makeRoom();
  }

  #tell(reason: string): void {
    const now = performance.now();
    if (now - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = now;
    this.#options.log.warn(
      { reason, ...this.snapshot },
      'there is no room for more HLS segments: players can go back less far than is set',
    );
  }
}

interface ShelfParts extends ShelfOptions {
  readonly prefix: string;
  readonly memory: MemoryStore;
  readonly disk: SegmentStore | undefined;
  readonly onPut: () => void;
  readonly onClosed: () => void;
}

interface Entry {
  readonly index: number;
  readonly key: string;
  readonly length: number;
  place: 'memory' | 'moving' | 'disk';
}

class Shelf implements SegmentShelf {
  readonly #parts: ShelfParts;
  /** By index, which grows. */
  readonly #entries = new Map<number, Entry>();
  #settledBytes = 0;
  #diskBytes = 0;
  #newest = -1;
  #closed = false;

  constructor(parts: ShelfParts) {
    this.#parts = parts;
  }

  /** In memory and to stay there. */
  get settledBytes(): number {
    return this.#settledBytes;
  }

  get snapshot(): StorageSnapshot {
    let memoryBytes = 0;
    for (const { place, length } of this.#entries.values()) if (place !== 'disk') memoryBytes += length;
    return { memoryBytes, diskBytes: this.#diskBytes };
  }

  put(index: number, bytes: Buffer): void {
    if (this.#closed) return;
    const entry: Entry = {
      index,
      key: `${this.#parts.prefix}-${index}.ts`,
      length: bytes.length,
      place: 'memory',
    };
    this.#entries.set(index, entry);
    this.#newest = index;
    this.#settledBytes += entry.length;
    this.#parts.memory.keep(entry.key, bytes);
    this.#parts.onPut();
  }

  get(index: number): Buffer | HlsBody | undefined {
    const entry = this.#entries.get(index);
    return entry && (this.#parts.memory.get(entry.key) ?? this.#parts.disk?.get(entry.key));
  }

  remove(index: number): void {
    const entry = this.#entries.get(index);
    if (!entry) return;
    this.#entries.delete(index);
    if (entry.place === 'memory') this.#settledBytes -= entry.length;
    if (entry.place === 'disk') this.#diskBytes -= entry.length;
    this.#parts.memory.remove(entry.key);
    this.#parts.disk?.remove(entry.key);
  }

  close(): void {
    this.#closed = true;
    for (const index of [...this.#entries.keys()]) this.remove(index);
    this.#parts.onClosed();
  }

  oldestInMemory(): Entry | undefined {
    for (const entry of this.#entries.values()) {
      if (entry.index > this.#newest - this.#parts.hotSegments) return undefined;
      if (entry.place === 'memory') return entry;
    }
    return undefined;
  }

  /** To disk. @throws what the system said: then it is in memory as before */
  async move(entry: Entry): Promise<void> {
    const { memory, disk } = this.#parts;
    const bytes = memory.get(entry.key)!;
    entry.place = 'moving';
    this.#settledBytes -= entry.length;
    try {
      await disk!.put(entry.key, bytes);
    } catch (error) {
      if (this.#entries.get(entry.index) === entry) {
        entry.place = 'memory';
        this.#settledBytes += entry.length;
      }
      throw error;
    }
    if (this.#entries.get(entry.index) !== entry) {
      disk!.remove(entry.key);
      return;
    }
    entry.place = 'disk';
    this.#diskBytes += entry.length;
    memory.remove(entry.key);
  }

  /** Gives up the oldest segments. False if there are only those that must stay. */
  lose(goesOn: (index: number, freedBytes: number) => boolean): boolean {
    let freed = 0;
    let lost: number | undefined;
    for (const { index, length } of [...this.#entries.values()]) {
      if (index > this.#newest - this.#parts.hotSegments || !goesOn(index, freed)) break;
      freed += length;
      lost = index;
      this.remove(index);
    }
    if (lost === undefined) return false;
    this.#parts.onLost(lost);
    return true;
  }
}
