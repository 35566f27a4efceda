import { createHash, timingSafeEqual } from 'node:crypto';

/** `read`: everything that only looks. `manage`: everything the API can do. `watch`: `/stream` and `/hls`, where viewers need a token. */
export type Scope = 'read' | 'manage' | 'watch';
export const SCOPES: readonly Scope[] = ['read', 'manage', 'watch'];

/** Whoever has a token, as logs know them. */
export interface TokenHolder {
  readonly name: string;
  readonly scopes: readonly Scope[];
}

export interface ApiToken extends TokenHolder {
  readonly token: string;
}

/** The tokens that are good now. */
export interface ApiTokens {
  /** False: there are none, and the API is open. */
  readonly any: boolean;
  /** Whose token this is. Takes as long for a wrong one as for a right one. */
  find(token: string): TokenHolder | undefined;
}

interface Kept {
  readonly digest: Buffer;
  readonly holder: TokenHolder;
}

/** Tokens in memory, as digests. What there is can be replaced while they are in use. */
export class TokenBook implements ApiTokens {
  #kept: readonly Kept[] = [];

  constructor(tokens: readonly ApiToken[] = []) {
    this.replace(tokens);
  }

  get any(): boolean {
    return this.#kept.length > 0;
  }

  replace(tokens: readonly ApiToken[]): void {
    this.#kept = tokens.map(({ token, name, scopes }) => ({
      digest: digestOf(token),
      holder: { name, scopes },
    }));
  }

  find(token: string): TokenHolder | undefined {
    const digest = digestOf(token);
    let found: TokenHolder | undefined;
    // All of them, whichever it is.
    for (const kept of this.#kept) if (timingSafeEqual(digest, kept.digest)) found ??= kept.holder;
    return found;
  }
}

export function holds({ scopes }: TokenHolder, scope: Scope): boolean {
  return scopes.includes(scope) || (scope === 'read' && scopes.includes('manage'));
}

/** Equal, without telling by the time it takes how much of it is. */
export function equalInConstantTime(a: string, b: string): boolean {
  return timingSafeEqual(digestOf(a), digestOf(b));
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
