import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { StreampoolError } from '@streampool/errors';

const MOST_BYTES = 256 * 1024;
/** What browsers' extensions and both programs write; a comment, or fields with tabs between them. */
const COOKIES = /^(?:\uFEFF)?(?:# |#HttpOnly_|[^\t\n]+\t(?:TRUE|FALSE)\t)/i;

/**
 * The one folder that files with cookies may be read from. Callers name files by path; without the folder any path would do,
 * and the programs would carry whatever is in there to a page of the caller's.
 */
export class CookiesFolder {
  readonly #folder: string | undefined;

  /** Undefined: there is none, and nothing is read. */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /**
   * What is in such a file. `path`: absolute, or below the folder.
   * @throws StreampoolError COOKIES_NOT_READABLE: outside of the folder, not there, too large, no cookies
   */
  async read(path: string): Promise<string> {
    if (this.#folder === undefined) throw refused('no folder for cookies is set up (RESOLVER_COOKIES_DIR)');
    const file = await this.#inside(this.#folder, path);
    // Not followed: what was looked at is what is read.
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
      () => {
        throw refused('it cannot be read');
      },
    );
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw refused('it is no file');
      if (stat.size > MOST_BYTES) throw refused(`it is larger than ${MOST_BYTES / 1024} KB`);
      const text = await handle.readFile('utf8');
      if (!COOKIES.test(text)) throw refused('it holds no cookies in Netscape’s format');
      return text;
    } finally {
      await handle.close();
    }
  }

  /** Where links lead is what counts. Everything that is not below the folder looks the same: as if it were not there. */
  async #inside(folder: string, path: string): Promise<string> {
    try {
      const root = await realpath(folder);
      const file = await realpath(resolve(root, path));
      const below = relative(root, file);
      if (below !== '' && !below.startsWith('..') && !isAbsolute(below)) return file;
    } catch {}
    throw refused('there is no such file in the folder for cookies (RESOLVER_COOKIES_DIR)');
  }
}

function refused(why: string): StreampoolError {
  return new StreampoolError('COOKIES_NOT_READABLE', why);
}
