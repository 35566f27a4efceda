import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '@streampool/testkit';
import { DiskStore } from '../src/store/disk-store.ts';
import { MemoryStore } from '../src/store/memory-store.ts';
import { openPrivateDirectory, removeLeftovers } from '../src/store/private-directory.ts';
import type { SegmentStore } from '../src/store/segment-store.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'segments-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

async function contentOf(found: ReturnType<SegmentStore['get']>): Promise<Buffer | undefined> {
  if (found === undefined || Buffer.isBuffer(found)) return found;
  const chunks: Buffer[] = [];
  for await (const chunk of found.open()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Comparing large buffers as values takes the test framework seconds. */
async function isFilled(
  found: ReturnType<SegmentStore['get']>,
  length: number,
  value: number,
): Promise<boolean> {
  return (await contentOf(found))?.equals(Buffer.alloc(length, value)) ?? false;
}

const bytesOf = (length: number, value: number): Buffer => Buffer.alloc(length, value);

describe.each<[string, () => SegmentStore]>([
  ['memory', () => new MemoryStore()],
  ['disk', () => new DiskStore(() => openPrivateDirectory(root))],
])('segments in %s', (_, create) => {
  let store: SegmentStore;
  beforeEach(() => {
    store = create();
  });
  afterEach(() => store.close());

  test('are there at once, and stay', async () => {
    const put = store.put('a-1.ts', bytesOf(600_000, 1));
    expect(await isFilled(store.get('a-1.ts'), 600_000, 1)).toBe(true);
    await put;
    const found = store.get('a-1.ts');
    expect(found?.length).toBe(600_000);
    expect(await isFilled(found, 600_000, 1)).toBe(true);
    expect(store.bytes).toBe(600_000);
    expect(store.get('a-2.ts')).toBeUndefined();
  });

  test('are gone when they are removed, also while they are being put', async () => {
    await store.put('a-1.ts', bytesOf(10, 1));
    store.remove('a-1.ts');
    store.remove('a-1.ts');
    const put = store.put('a-2.ts', bytesOf(10, 2));
    store.remove('a-2.ts');
    await put;
    expect(store.get('a-1.ts')).toBeUndefined();
    expect(store.get('a-2.ts')).toBeUndefined();
    expect(store.bytes).toBe(0);
  });

  test('are replaced by what has the same name', async () => {
    await store.put('a-1.ts', bytesOf(10, 1));
    await store.put('a-1.ts', bytesOf(20, 2));
    expect(await isFilled(store.get('a-1.ts'), 20, 2)).toBe(true);
    expect(store.bytes).toBe(20);
  });

  test('can be read to the end when they are removed meanwhile', async () => {
    await store.put('a-1.ts', bytesOf(600_000, 1));
    const found = store.get('a-1.ts')!;
    if (Buffer.isBuffer(found)) return;
    let read = 0;
    for await (const chunk of found.open()) {
      store.remove('a-1.ts');
      read += chunk.length;
    }
    expect(read).toBe(600_000);
  });

  test('are none when it is closed', async () => {
    await store.put('a-1.ts', bytesOf(10, 1));
    await store.close();
    await store.close();
    expect(store.bytes).toBe(0);
    expect(store.get('a-1.ts')).toBeUndefined();
  });
});

test('files are private, and go with their directory', async () => {
  const store = new DiskStore(() => openPrivateDirectory(root));
  expect(readdirSync(root)).toEqual([]);
  await store.put('a-1.ts', bytesOf(10, 1));
  const [name = ''] = readdirSync(root);
  expect(statSync(join(root, name)).mode & 0o777).toBe(0o700);
  expect(statSync(join(root, name, 'a-1.ts')).mode & 0o777).toBe(0o600);
  store.remove('a-1.ts');
  await waitFor(() => readdirSync(join(root, name)).length === 0);
  await store.put('a-2.ts', bytesOf(10, 1));
  await store.close();
  expect(readdirSync(root)).toEqual([]);
});

test('a segment that cannot be written is not there, and a later one may be', async () => {
  let isThere = false;
  const store = new DiskStore(async () => {
    if (!isThere) throw new Error('ENOSPC');
    return openPrivateDirectory(root);
  });
  await expect(store.put('a-1.ts', bytesOf(10, 1))).rejects.toThrow('ENOSPC');
  expect(store.get('a-1.ts')).toBeUndefined();
  expect(store.bytes).toBe(0);
  isThere = true;
  await store.put('a-2.ts', bytesOf(10, 2));
  expect(await isFilled(store.get('a-2.ts'), 10, 2)).toBe(true);
  await store.close();
});

test('what killed processes of this host left behind is removed, and nothing else', async () => {
  const own = await openPrivateDirectory(root);
  const [, start = ''] = /-(\d+)-[^-]+$/.exec(own) ?? [];
  const names = {
    dead: `streampool-${hostname()}-4194305-17-abcdef`,
    pidGivenAgain: `streampool-${hostname()}-${process.pid}-${Number(start) + 1}-abcdef`,
    elsewhere: `streampool-other-host-4194305-17-abcdef`,
    foreign: 'something-else',
  };
  for (const name of Object.values(names)) mkdirSync(join(root, name));
  expect(await removeLeftovers(root)).toBe(2);
  const left = readdirSync(root);
  expect(left.sort()).toEqual([own.slice(root.length + 1), names.elsewhere, names.foreign].sort());
  expect(await removeLeftovers(join(root, 'nowhere'))).toBe(0);
});
