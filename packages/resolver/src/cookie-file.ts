import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StreampoolError } from '@streampool/errors';
import type { ResolverName } from '@streampool/upstream';

/** Memory that looks like a file system: what is written there is on no disk. */
const MEMORY = '/dev/shm';
const PREFIX = 'streampool-cookies';

export interface CookieFile {
  readonly path: string;
  /** Never rejects. */
  remove(): Promise<void>;
}

interface Cookie {
  readonly domain: string;
  readonly name: string;
  readonly value: string;
}

/**
 * Cookies in Netscape's format as a file for a program to read: both programs take them from nowhere else, but for the
 * command line, which every user of the machine can see. Streamlink knows no domains: it gets those of the page's own.
 * @throws StreampoolError RESOLVER_FAILED where no file in memory can be made
 */
export async function cookieFile(program: ResolverName, cookies: string, page: string): Promise<CookieFile> {
  const content = program === 'ytdlp' ? withHeader(cookies) : asConfig(cookies, new URL(page).hostname);
  const path = join(MEMORY, `${PREFIX}-${process.pid}-${randomUUID()}`);
  try {
    await access(MEMORY, constants.W_OK);
    await writeFile(path, content, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new StreampoolError('RESOLVER_FAILED', `cookies need ${MEMORY}: they are not written to a disk`, {
      cause: error,
    });
  }
  return { path, remove: () => unlink(path).catch(() => {}) };
}

/** Removes what processes that were killed have left. */
export async function removeLeftCookies(isAlive: (pid: number) => boolean): Promise<void> {
  const names = await readdir(MEMORY).catch(() => []);
  for (const name of names) {
    const [, pid] = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name) ?? [];
    if (pid !== undefined && !isAlive(Number(pid))) await unlink(join(MEMORY, name)).catch(() => {});
  }
}

function withHeader(cookies: string): string {
  const header = '# Netscape HTTP Cookie File';
  return `${cookies.startsWith('#') ? '' : `${header}\n`}${cookies.trimEnd()}\n`;
}

function asConfig(cookies: string, host: string): string {
  return cookiesOf(cookies)
    .filter(({ domain }) => host === domain || host.endsWith(`.${domain}`))
    .map(({ name, value }) => `http-cookie=${name}=${value}\n`)
    .join('');
}

/** Lines of seven fields with tabs between: domain, subdomains too, path, TLS only, expiry, name, value. */
function cookiesOf(text: string): Cookie[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const plain = line.replace(/^#HttpOnly_/, '');
    const [domain = '', , , , , name, value] = plain.split('\t');
    if (plain.startsWith('#') || name === undefined || value === undefined) return [];
    return [{ domain: domain.replace(/^\./, '').toLowerCase(), name, value }];
  });
}
