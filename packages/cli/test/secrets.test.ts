import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secretBeside, secretOfCluster } from '../src/node/secrets.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'secrets-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('processes that share a state share a secret, whoever comes first, and after a restart', async () => {
  const file = join(directory, 'streampool.db');
  const keys = await Promise.all(Array.from({ length: 8 }, async () => (await secretBeside(file)).key('a')));
  keys.push((await secretBeside(file)).key('a'));
  expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
  expect(keys[0]).toHaveLength(32);
  expect(readdirSync(directory)).toEqual(['installation-secret']);
  expect(statSync(join(directory, 'installation-secret')).mode & 0o777).toBe(0o600);
});

test('each purpose and each installation has keys of its own', async () => {
  const secret = secretOfCluster('the token of all nodes');
  expect(secret.key('a')).toEqual(secretOfCluster('the token of all nodes').key('a'));
  expect(secret.key('a')).not.toEqual(secret.key('b'));
  expect(secret.key('a')).not.toEqual(secretOfCluster('another token').key('a'));
  const beside = await secretBeside(join(directory, 'streampool.db'));
  expect(beside.key('a')).not.toEqual(secret.key('a'));
});
