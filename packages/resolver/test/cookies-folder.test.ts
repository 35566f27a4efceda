import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CookiesFolder } from '../src/index.ts';

const COOKIES = '# Netscape HTTP Cookie File\n.example\tTRUE\t/\tFALSE\t0\tname\tvalue\n';
const root = mkdtempSync(join(tmpdir(), 'cookies-folder-'));
const folder = join(root, 'cookies');
const refusal = { code: 'COOKIES_NOT_READABLE' };

beforeAll(() => {
  mkdirSync(join(folder, 'deeper'), { recursive: true });
  writeFileSync(join(root, 'secret.txt'), COOKIES);
  writeFileSync(join(folder, 'a.txt'), COOKIES);
  writeFileSync(join(folder, 'deeper', 'b.txt'), '.example\tTRUE\t/\tFALSE\t0\tname\tvalue\n');
  writeFileSync(join(folder, 'page.html'), '<html>');
  writeFileSync(join(folder, 'large.txt'), COOKIES + '#'.repeat(300_000));
  symlinkSync(join(root, 'secret.txt'), join(folder, 'leads-out.txt'));
  symlinkSync(join(folder, 'a.txt'), join(folder, 'leads-inside.txt'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test.each(['a.txt', join(folder, 'a.txt'), 'deeper/b.txt', 'deeper/../a.txt', 'leads-inside.txt'])(
  '%s is read',
  async (path) => {
    expect(await new CookiesFolder(folder).read(path)).toContain('name\tvalue');
  },
);

test.each([
  ['leads out', '../secret.txt'],
  ['is elsewhere', join(root, 'secret.txt')],
  ['is of the system', '/etc/passwd'],
  ['is a link that leads out', 'leads-out.txt'],
  ['is not there', 'nothing.txt'],
  ['is a folder', 'deeper'],
  ['is the folder itself', '.'],
  ['is a folder beside it with the same beginning', `${folder}-2/a.txt`],
  ['has no cookies', 'page.html'],
  ['is too large', 'large.txt'],
  ['has a byte that ends names', 'a.txt\0'],
])('what %s is refused', async (_, path) => {
  await expect(new CookiesFolder(folder).read(path)).rejects.toMatchObject(refusal);
});

test('what is outside does not say whether it is there', async () => {
  const said = (path: string) => new CookiesFolder(folder).read(path).catch(({ message }) => message);
  expect(await said(join(root, 'secret.txt'))).toBe(await said(join(root, 'nothing.txt')));
});

test('without a folder nothing is read', async () => {
  await expect(new CookiesFolder(undefined).read(join(folder, 'a.txt'))).rejects.toMatchObject(refusal);
});
