import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { SqliteClusterState } from '../../src/index.ts';
import { SCHEMA_VERSION } from '../../src/sqlite/migrations.ts';
import { EXPIRED_STREAMS } from '../../src/sqlite/ownership.ts';
import { beat, client, definition, idOf } from '../contract/records.ts';
import { temporaryFile } from './temporary-file.ts';

let file: ReturnType<typeof temporaryFile>;
beforeEach(() => {
  file = temporaryFile();
});
afterEach(() => file.remove());

test('definitions, epochs and events survive a restart', async () => {
  const before = new SqliteClusterState({ path: file.path });
  await before.putStream(definition(1, { metadata: { a: 'b' } }));
  await before.claim(idOf(1), { id: 'w1', host: 'h1' });
  await before.publish({ type: 'stream_started', streamId: idOf(1), data: {} });
  await before.close();
  const after = new SqliteClusterState({ path: file.path });
  expect(await after.getDefinition(idOf(1))).toEqual(definition(1, { metadata: { a: 'b' } }));
  expect(await after.getStream(idOf(1))).toMatchObject({ owner: 'w1', epoch: 1 });
  expect(await after.readEvents()).toHaveLength(1);
  await after.close();
});

test('only its owner can read the files, also if it was made otherwise', async () => {
  writeFileSync(file.path, '', { mode: 0o666 });
  const state = new SqliteClusterState({ path: file.path });
  await state.putStream(definition(1));
  for (const suffix of ['', '-wal', '-shm']) {
    expect(statSync(file.path + suffix).mode & 0o777).toBe(0o600);
  }
  await state.close();
});

test('the directory of the file is made', async () => {
  const path = join(file.directory, 'a', 'b', 'state.db');
  const state = new SqliteClusterState({ path });
  await state.ping();
  await state.close();
  expect(existsSync(path)).toBe(true);
});

test('SQLite’s own clock is the default', async () => {
  const state = new SqliteClusterState({ path: file.path });
  const before = Date.now();
  const { nowMs } = await state.heartbeat(beat('w1'));
  expect(Number.isInteger(nowMs)).toBe(true);
  expect(Math.abs(nowMs - before)).toBeLessThan(60_000);
  await state.close();
});

test.each<[string, (path: string) => void]>([
  ['is not a database', (path) => writeFileSync(path, 'a letter to the editor\n'.repeat(300))],
  [
    'is damaged',
    (path) => {
      const db = new DatabaseSync(path);
      db.exec('CREATE TABLE t (a); CREATE INDEX i ON t (a)');
      const insert = db.prepare('INSERT INTO t VALUES (?)');
      for (let i = 0; i < 500; i++) insert.run('x'.repeat(100));
      db.close();
      truncateSync(path, statSync(path).size - 8192);
    },
  ],
  ['cannot be created or written', (path) => mkdirSync(path)],
])('a file that %s stops the start with its name', (reason, spoil) => {
  spoil(file.path);
  let error: unknown;
  try {
    new SqliteClusterState({ path: file.path });
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ name: 'StreampoolError', code: 'CONFIG_INVALID' });
  expect((error as Error).message).toContain(file.path);
  expect((error as Error).message).toContain(reason);
});

test('a file of a newer program is left alone', () => {
  const db = new DatabaseSync(file.path);
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  db.close();
  const before = readFileSync(file.path);
  expect(() => new SqliteClusterState({ path: file.path })).toThrow(/newer Streampool/);
  expect(readFileSync(file.path).equals(before)).toBe(true);
});

test('a file of the schema before is brought up to date with what it holds', async () => {
  const now = () => 1_800_000_000_000;
  const before = new SqliteClusterState({ path: file.path, leaseMs: 10_000, now });
  await before.heartbeat(beat('w1'));
  await before.close();
  const db = new DatabaseSync(file.path);
  const first = [
    'meta',
    'definitions',
    'streams',
    'stream_metadata',
    'clients',
    'workers',
    'orphan_processes',
    'events',
  ];
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all();
  for (const { name } of tables) if (!first.includes(String(name))) db.exec(`DROP TABLE ${name}`);
  db.exec(`
    DROP INDEX workers_by_hearing; ALTER TABLE workers DROP COLUMN heard_ms;
    CREATE INDEX workers_by_heartbeat ON workers (heartbeat_ms);
    ALTER TABLE clients DROP COLUMN segments; DELETE FROM meta WHERE key IN ('last_beat_ms', 'unheard_ms');
    PRAGMA user_version = 1`);
  db.close();
  const after = new SqliteClusterState({ path: file.path, leaseMs: 10_000, now: () => now() + 60_000 });
  // Nobody has been heard in the meantime, so nobody is dead.
  expect(await after.listWorkers()).toMatchObject([{ id: 'w1', alive: true, heartbeatMs: now() }]);
  await after.close();
});

test('what has expired is found by indexes, without reading all that exists', async () => {
  await new SqliteClusterState({ path: file.path }).close();
  const db = new DatabaseSync(file.path);
  const plan = db.prepare(`EXPLAIN QUERY PLAN ${EXPIRED_STREAMS}`).all() as { detail: string }[];
  db.close();
  expect(plan.map(({ detail }) => detail)).toContainEqual(expect.stringMatching(/^SEARCH streams/));
  expect(plan.filter(({ detail }) => detail.startsWith('SCAN'))).toEqual([]);
});

test('a step that finds the file locked for too long is an outage, and passes', async () => {
  const state = new SqliteClusterState({ path: file.path, busyTimeoutMs: 30 });
  const other = new DatabaseSync(file.path);
  other.exec('BEGIN IMMEDIATE');
  await expect(state.putStream(definition(1))).rejects.toMatchObject({
    code: 'STATE_UNAVAILABLE',
    retryable: true,
  });
  expect(await state.getStream(idOf(1))).toBeUndefined();
  other.exec('ROLLBACK');
  other.close();
  expect(await state.putStream(definition(1))).toEqual({ created: true });
  await state.close();
});

test('a step that fails in its middle leaves nothing behind', async () => {
  const state = new SqliteClusterState({ path: file.path });
  await state.putStream(definition(1));
  const broken = client('c2', idOf(1), 'w1', { ip: undefined as unknown as string });
  await expect(
    state.heartbeat(beat('w1', { clients: [client('c1', idOf(1), 'w1'), broken] })),
  ).rejects.toMatchObject({ code: 'INTERNAL' });
  expect(await state.listWorkers()).toEqual([]);
  expect(await state.getStream(idOf(1))).toMatchObject({ viewers: 0 });
  await state.heartbeat(beat('w1', { clients: [client('c1', idOf(1), 'w1')] }));
  expect(await state.getStream(idOf(1))).toMatchObject({ viewers: 1 });
  await state.close();
});

test('four processes that open a new file at once and claim 100 streams each: every stream has one owner', async () => {
  const script = join(import.meta.dirname, 'claim-streams.ts');
  const names = ['w1', 'w2', 'w3', 'w4'];
  const outputs = await Promise.all(
    names.map((name) =>
      promisify(execFile)(process.execPath, [script, file.path, name, '100'], { timeout: 20_000 }),
    ),
  );
  const granted = outputs.map(({ stdout }) => JSON.parse(stdout) as string[]);
  const all = granted.flat();
  expect(all).toHaveLength(100);
  expect(new Set(all).size).toBe(100);
  // All of them took part, else the test proves nothing about claims at the same time.
  expect(granted.filter((ids) => ids.length > 0).length).toBeGreaterThan(1);
  const state = new SqliteClusterState({ path: file.path });
  for (const [i, name] of names.entries()) {
    for (const id of granted[i] as string[]) {
      expect(await state.getStream(id)).toMatchObject({ owner: name, epoch: 1 });
    }
  }
  await state.close();
});
