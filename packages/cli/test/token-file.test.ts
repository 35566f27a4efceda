import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '@streampool/testkit';
import { type Logger, pino } from 'pino';
import { openTokens } from '../src/node/token-file.ts';

let directory = '';
const lines: string[] = [];
const log: Logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'streampool-tokens-'));
  lines.length = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const OLD = 'old-token-0123456';
const NEW = 'new-token-0123456';

test('a mounted secret that is turned to another directory is read again', async () => {
  // As Kubernetes does it: the file is a link through a link.
  mkdirSync(join(directory, 'v1'));
  mkdirSync(join(directory, 'v2'));
  writeFileSync(join(directory, 'v1/tokens'), `# dashboards\ngrafana=read:${OLD}\n`);
  writeFileSync(join(directory, 'v2/tokens'), `grafana=read:${NEW}\ntv=watch:${OLD}x\n`);
  symlinkSync('v1', join(directory, 'data'));
  symlinkSync('data/tokens', join(directory, 'tokens'));
  const { tokens, close } = await openTokens(
    { apiToken: 'for-everything', apiTokensFile: join(directory, 'tokens') },
    log,
    10,
  );
  expect(tokens.find(OLD)).toEqual({ name: 'grafana', scopes: ['read'] });
  expect(tokens.find(NEW)).toBeUndefined();
  symlinkSync('v2', join(directory, 'next'));
  renameSync(join(directory, 'next'), join(directory, 'data'));
  await waitFor(() => tokens.find(NEW) !== undefined);
  expect(tokens.find(OLD)).toBeUndefined();
  expect(tokens.find('for-everything')?.scopes).toEqual(['read', 'manage', 'watch']);

  // What cannot be understood, or is away, changes nothing, and is said once.
  for (const text of ['', 'grafana=everything:xxxxxxxxxxxxxxxxxxxx\n', `grafana=read:${OLD}\nbroken`]) {
    const before = lines.length;
    writeFileSync(join(directory, 'v2/tokens'), text);
    await waitFor(() => lines.length > before || text !== '');
    expect(tokens.find(NEW)).toBeDefined();
    expect(tokens.find(OLD)).toBeUndefined();
  }
  rmSync(join(directory, 'v2/tokens'));
  await waitFor(() => lines.some((line) => line.includes('ENOENT')));
  expect(tokens.find(NEW)).toBeDefined();
  close();
  expect(lines.join('')).not.toMatch(/token-0123456/);
});

test.each([
  ['no file', undefined],
  ['an empty one', '\n'],
  ['one that is wrong', 'x'],
])('%s stops the start', async (_, text) => {
  const apiTokensFile = join(directory, 'tokens');
  if (text !== undefined) writeFileSync(apiTokensFile, text);
  await expect(openTokens({ apiTokensFile }, log)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
