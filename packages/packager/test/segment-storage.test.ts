import { pino } from 'pino';
import { SegmentStorage } from '../src/index.ts';
import { MemoryStore } from '../src/store/memory-store.ts';
import { settle } from './stream-feed.ts';

const KB = 1024;

/** A disk with so much room, which can be slow. */
class FakeDisk extends MemoryStore {
  readonly #room: number;
  waiting: (() => void)[] = [];
  isSlow = false;

  constructor(room = Number.POSITIVE_INFINITY) {
    super();
    this.#room = room;
  }

  override async put(key: string, bytes: Buffer): Promise<void> {
    if (this.isSlow) await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.bytes + bytes.length > this.#room) throw new Error('ENOSPC: no space left on device');
    await super.put(key, bytes);
  }
}

function setup({
  disk,
  memory = 100 * KB,
  stream = 100 * KB,
}: {
  disk?: FakeDisk;
  memory?: number;
  stream?: number;
} = {}) {
  const told: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void told.push(line) });
  const storage = new SegmentStorage({
    memoryBudgetBytes: memory,
    streamBudgetBytes: stream,
    log,
    ...(disk && { disk }),
  });
  const lost: number[] = [];
  const shelf = storage.open({ streamId: 'a/b', hotSegments: 2, onLost: (index) => lost.push(index) });
  return { storage, shelf, lost, told };
}

test('the newest are in memory, older ones on disk, and all are found', async () => {
  const { storage, shelf, lost } = setup({ disk: new FakeDisk() });
  for (let i = 0; i < 10; i += 1) {
    shelf.put(i, Buffer.alloc(20 * KB, i));
    await settle();
  }
  expect(storage.snapshot).toEqual({ memoryBytes: 100 * KB, diskBytes: 100 * KB });
  expect(shelf.snapshot).toEqual(storage.snapshot);
  for (let i = 0; i < 10; i += 1) expect((shelf.get(i) as Buffer)[0]).toBe(i);
  shelf.remove(0);
  expect(shelf.get(0)).toBeUndefined();
  expect(storage.snapshot.diskBytes).toBe(80 * KB);
  shelf.close();
  expect(storage.snapshot).toEqual({ memoryBytes: 0, diskBytes: 0 });
  expect(lost).toEqual([]);
});

test('without a disk the oldest are given up, and an operator is told once', () => {
  const { storage, shelf, lost, told } = setup();
  for (let i = 0; i < 10; i += 1) shelf.put(i, Buffer.alloc(20 * KB, i));
  expect(storage.snapshot.memoryBytes).toBe(100 * KB);
  expect(lost).toEqual([0, 1, 2, 3, 4]);
  expect(shelf.get(4)).toBeUndefined();
  expect(shelf.get(5)).toBeDefined();
  expect(told).toHaveLength(1);
});

test('the newest stay whatever they take up', () => {
  const { storage, shelf, lost } = setup({ memory: 10 * KB, stream: 10 * KB });
  for (let i = 0; i < 4; i += 1) shelf.put(i, Buffer.alloc(20 * KB, i));
  expect(storage.snapshot.memoryBytes).toBe(40 * KB);
  expect(lost).toEqual([0, 1]);
});

test('on a full disk what is oldest makes room for what is newer', async () => {
  const { storage, shelf, lost, told } = setup({ disk: new FakeDisk(60 * KB) });
  for (let i = 0; i < 20; i += 1) {
    shelf.put(i, Buffer.alloc(20 * KB, i));
    await settle();
  }
  expect(storage.snapshot).toEqual({ memoryBytes: 100 * KB, diskBytes: 60 * KB });
  expect(lost.at(-1)).toBe(11);
  for (let i = 12; i < 20; i += 1) expect((shelf.get(i) as Buffer)[0]).toBe(i);
  expect(told).toHaveLength(1);
});

test('a disk that takes nothing ends nothing: players go back less far', async () => {
  const { storage, shelf } = setup({ disk: new FakeDisk(0) });
  for (let i = 0; i < 20; i += 1) {
    shelf.put(i, Buffer.alloc(20 * KB, i));
    await settle();
  }
  expect(storage.snapshot).toEqual({ memoryBytes: 100 * KB, diskBytes: 0 });
});

test('a slow disk is waited for, but not for ever', async () => {
  const disk = new FakeDisk();
  disk.isSlow = true;
  const { storage, shelf, lost } = setup({ disk });
  for (let i = 0; i < 7; i += 1) shelf.put(i, Buffer.alloc(20 * KB, i));
  expect(lost).toEqual([]);
  for (let i = 7; i < 20; i += 1) shelf.put(i, Buffer.alloc(20 * KB, i));
  expect(storage.snapshot.memoryBytes).toBeLessThanOrEqual(170 * KB);
  expect(lost.length).toBeGreaterThan(0);
  disk.isSlow = false;
  for (const go of disk.waiting) go();
  await settle();
  for (const index of [0, lost.at(-1)!]) expect(shelf.get(index)).toBeUndefined();
  expect(storage.snapshot.memoryBytes + storage.snapshot.diskBytes).toBe((19 - lost.at(-1)!) * 20 * KB);
});

test('one stream has its own limit, and the largest pays for all', async () => {
  const { storage, shelf } = setup({ disk: new FakeDisk(), memory: 150 * KB, stream: 100 * KB });
  const other = storage.open({ streamId: 'other', hotSegments: 2, onLost: () => {} });
  for (let i = 0; i < 10; i += 1) {
    shelf.put(i, Buffer.alloc(20 * KB));
    await settle();
  }
  expect(shelf.snapshot.memoryBytes).toBe(100 * KB);
  for (let i = 0; i < 4; i += 1) other.put(i, Buffer.alloc(20 * KB));
  await settle();
  expect(other.snapshot.memoryBytes).toBe(80 * KB);
  expect(shelf.snapshot.memoryBytes).toBe(60 * KB);
});

test('everything is gone when it is closed', async () => {
  const { storage, shelf } = setup({ disk: new FakeDisk() });
  for (let i = 0; i < 10; i += 1) shelf.put(i, Buffer.alloc(20 * KB, i));
  await storage.close();
  await settle();
  expect(storage.snapshot).toEqual({ memoryBytes: 0, diskBytes: 0 });
  shelf.put(10, Buffer.alloc(20 * KB));
  expect(shelf.get(10)).toBeUndefined();
});
