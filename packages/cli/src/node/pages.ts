import { StreampoolError } from '@streampool/errors';
import type { PageApi } from '@streampool/gateway';
import {
  CookiesFolder,
  findPrograms,
  KnownPrograms,
  ProgramResolver,
  removeLeftCookies,
  resolverArguments,
} from '@streampool/resolver';
import { Seal } from '@streampool/sealing';
import type { AddressGuard } from '@streampool/upstream';
import type { Config } from '../config/settings.ts';
import type { Teardown } from '../serve/teardown.ts';
import type { InstallationSecret } from './secrets.ts';

/** How a node looks at pages: for its data plane, and for the API that takes streams of them. */
export interface Pages {
  readonly api: PageApi;
  resolver(guard: AddressGuard): ProgramResolver;
}

/** What cookies are sealed for. */
const COOKIES = 'cookies';

export function openPages(
  config: Config,
  { secret, teardown }: { secret: InstallationSecret; teardown: Teardown },
): Pages {
  const { streamlinkEnabled, streamlinkPath, ytdlpEnabled, ytdlpPath, resolverTimeoutMs } = config;
  const programs = {
    ...(streamlinkEnabled && { streamlink: streamlinkPath }),
    ...(ytdlpEnabled && { ytdlp: ytdlpPath }),
  };
  const seal = new Seal(secret.key('cookies'));
  const folder = new CookiesFolder(config.resolverCookiesDir);
  const closing = new AbortController();
  teardown.add('pages', async () => closing.abort());
  const known = new KnownPrograms({ find: () => findPrograms(programs, closing.signal) });
  void removeLeftCookies(isAlive);
  return {
    api: {
      versions: () => known.versions(),
      async check(name, args) {
        if (!(await known.has(name)))
          throw new StreampoolError('RESOLVER_MISSING', `${name} is not installed here, or not to be used`);
        resolverArguments(name, args);
      },
      seal: (cookies) => seal.seal(cookies, COOKIES),
      cookiesIn: (path) => folder.read(path),
    },
    resolver(guard) {
      const resolver = new ProgramResolver({
        ...{ guard, programs, deadlineMs: resolverTimeoutMs },
        openCookies: (sealed) => seal.open(sealed, COOKIES),
      });
      teardown.add('resolver', () => resolver.close());
      return resolver;
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is one that is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
