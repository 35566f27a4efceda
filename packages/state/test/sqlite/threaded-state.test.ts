import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { openSqliteState } from '../../src/index.ts';
import { definition, idOf } from '../contract/records.ts';
import { temporaryFile } from './temporary-file.ts';

let file: ReturnType<typeof temporaryFile>;
beforeEach(() => {
  file = temporaryFile();
});
afterEach(() => file.remove());

test('a file that cannot be opened is reported as by the state itself', async () => {
  writeFileSync(file.path, 'no database\n'.repeat(400));
  await expect(openSqliteState({ path: file.path })).rejects.toMatchObject({
    name: 'StreampoolError',
    code: 'CONFIG_INVALID',
  });
});

test('a lock held by another process does not hold up this thread', async () => {
  const state = await openSqliteState({ path: file.path });
  const other = new DatabaseSync(file.path);
  other.exec('BEGIN IMMEDIATE');
  const put = state.putStream(definition(1));
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  while (turns < 20) await new Promise((resolve) => setImmediate(resolve));
  clearInterval(timer);
  other.exec('ROLLBACK');
  other.close();
  expect(await put).toEqual({ created: true });
  await state.close();
});

test('a call that is not answered in time fails, and the next one works', async () => {
  const state = await openSqliteState({ path: file.path, callTimeoutMs: 50 });
  const other = new DatabaseSync(file.path);
  other.exec('BEGIN IMMEDIATE');
  await expect(state.putStream(definition(1))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  other.exec('ROLLBACK');
  other.close();
  // The step was not lost, only late: its answer must not be taken for that of another call.
  let found: unknown;
  while (found === undefined) found = await state.getStream(idOf(1)).catch(() => undefined);
  expect(found).toMatchObject({ id: idOf(1) });
  await state.close();
});

test('closing lets the calls before it finish, and refuses those after', async () => {
  const state = await openSqliteState({ path: file.path });
  const before = state.putStream(definition(1));
  const closing = state.close();
  await expect(state.getStream(idOf(1))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  expect(await before).toEqual({ created: true });
  await closing;
  await state.close();
});

test('a process waits for its calls, but not for a thread that has nothing to do', async () => {
  const script = `
    import { openSqliteState } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)};
    const state = await openSqliteState({ path: process.argv[1] });
    const { nowMs } = await state.sweep();
    console.log(nowMs > 0);
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', script, file.path],
    { timeout: 60_000 },
  );
  expect(stdout).toBe('true\n');
});
