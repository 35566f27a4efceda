import { readFile, stat } from 'node:fs/promises';
import { StreampoolError } from '@streampool/errors';
import { type ApiToken, SCOPES, TokenBook } from '@streampool/gateway';
import type { Logger } from 'pino';
import { readTokens } from '../config/security-settings.ts';

/** How often the file is looked at, ms. Watching it would miss what orchestrators do: they turn a link to another directory. */
const LOOK_MS = 1_000;
const MAX_FILE_BYTES = 1024 * 1024;

export interface TokenSettings {
  readonly apiToken?: string | undefined;
  readonly apiTokens?: readonly ApiToken[] | undefined;
  readonly apiTokensFile?: string | undefined;
}

export interface LiveTokens {
  readonly tokens: TokenBook;
  /** Idempotent. */
  close(): void;
}

/**
 * The tokens of the settings, and those of a file for as long as it says so. A file that cannot be read or understood later on changes
 * nothing: nobody is locked out, and nobody let in, by a half-written file.
 * @throws StreampoolError CONFIG_INVALID where it cannot be read at the start
 */
export async function openTokens(
  { apiToken, apiTokens = [], apiTokensFile }: TokenSettings,
  log: Logger,
  lookMs = LOOK_MS,
): Promise<LiveTokens> {
  const fixed = [...(apiToken ? [{ name: 'API_TOKEN', scopes: SCOPES, token: apiToken }] : []), ...apiTokens];
  const tokens = new TokenBook(fixed);
  if (apiTokensFile === undefined) return { tokens, close: () => {} };

  let seen = '';
  let failure = '';
  const look = async (): Promise<void> => {
    const { mtimeMs, ino, size, ctimeMs } = await stat(apiTokensFile);
    const state = [mtimeMs, ctimeMs, ino, size].join(' ');
    if (state === seen) return;
    const listed = size <= MAX_FILE_BYTES ? readTokens(await readFile(apiTokensFile, 'utf8')) : undefined;
    // An empty file would open the API where there is no other token: what an editor leaves for a moment must not.
    if (!listed || listed.length === 0)
      throw new StreampoolError('CONFIG_INVALID', 'it must hold lines of the form name=scopes:token');
    tokens.replace([...fixed, ...listed]);
    const first = seen === '';
    seen = state;
    failure = '';
    if (!first) log.info({ names: listed.map(({ name }) => name) }, 'API tokens were replaced');
  };
  await look().catch((error: Error) => {
    throw new StreampoolError('CONFIG_INVALID', `API_TOKENS_FILE cannot be used: ${error.message}`, {
      cause: error,
    });
  });

  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const again = (): void => {
    if (closed) return;
    timer = setTimeout(() => {
      look()
        .catch((error: Error) => {
          if (failure !== error.message)
            log.error({ err: error }, 'the file of API tokens is left as it was read last');
          failure = error.message;
        })
        .finally(again);
    }, lookMs);
    timer.unref();
  };
  again();
  return {
    tokens,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
