import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isStreampoolError } from '@streampool/errors';
import { checkToken, presentedToken } from '../http/token-check.ts';
import {
  REDIRECT_TTL_MS,
  STEADY_MS,
  type UrlSigner,
  urlSigner,
  viewerSigner,
} from '../streams/signed-url.ts';
import type { ApiTokens } from './api-tokens.ts';
import type { RateLimits } from './rate-limits.ts';

export interface ViewerAccessOptions {
  readonly tokens: ApiTokens;
  readonly limits: RateLimits;
  readonly config: {
    readonly streamUrlSecret?: string;
    readonly redirectSecret?: string;
    readonly streamUrlTtlMs: number;
    /** `token`: whoever watches needs a token with the scope `watch`, or a signed address. */
    readonly viewerAccess?: 'open' | 'token';
  };
}

/** Who is at the door. */
export interface Knocking {
  readonly ip: string;
  readonly username?: string | undefined;
}

/** Decides who may watch: by signed addresses (STREAM_URL_SECRET), by tokens (VIEWER_ACCESS=token), by either where both are set. */
export class ViewerAccess {
  /** Of addresses that answers of the API carry. */
  readonly signer: UrlSigner;
  /** Of addresses that players are given on their way: in playlists, and towards another node. */
  readonly onTheWay: UrlSigner;
  readonly #options: ViewerAccessOptions;

  constructor(options: ViewerAccessOptions) {
    this.#options = options;
    const { streamUrlSecret, redirectSecret, streamUrlTtlMs } = options.config;
    this.signer = viewerSigner(options.config);
    // Without any secret of the installation's, one of this process: its players come back to it.
    const secret =
      streamUrlSecret ?? redirectSecret ?? (this.needsToken ? randomBytes(32).toString('hex') : undefined);
    const ttlMs = this.needsToken ? streamUrlTtlMs : REDIRECT_TTL_MS;
    this.onTheWay = urlSigner(secret, ttlMs, Date.now, STEADY_MS);
  }

  /** Whether knowing a stream's id is enough. */
  get isOpen(): boolean {
    return !this.signer.on && !this.needsToken;
  }

  /** VIEWER_ACCESS=token: also for what was never signed, such as networks. */
  get needsToken(): boolean {
    return this.#options.config.viewerAccess === 'token' && this.#options.tokens.any;
  }

  /**
   * Lets a viewer in. What the addresses in a playlist need, so that it is let in there too, is returned: nothing where its own
   * query has it already.
   * @throws StreampoolError SIGNATURE_INVALID, TOKEN_MISSING, TOKEN_WRONG, SCOPE_MISSING, RATE_LIMITED
   */
  async check(
    req: IncomingMessage,
    streamId: string,
    query: URLSearchParams,
    viewer: Knocking,
  ): Promise<URLSearchParams | undefined> {
    const { tokens, limits } = this.#options;
    const presented = presentedToken(req, query);
    const isSigned = query.has('signature');
    if (this.isOpen) {
      // Of whoever was sent here by another node; nobody else has one.
      if (isSigned) this.#checkSignature(this.signer, streamId, query, viewer);
      return undefined;
    }
    if (isSigned || presented === undefined || !tokens.any) {
      if (!isSigned && this.needsToken) checkToken(tokens, presented, 'watch');
      const byWhom = this.signer.on || !this.needsToken ? this.signer : this.onTheWay;
      this.#checkSignature(byWhom, streamId, query, viewer);
      return undefined;
    }
    // Tokens may be guessed, since people choose them; signatures are not. Whoever has an old one is no guesser.
    await limits.mayTry(viewer.ip);
    try {
      checkToken(tokens, presented, 'watch');
    } catch (error) {
      if (isStreampoolError(error, 'TOKEN_WRONG')) await limits.failed(viewer.ip);
      throw error;
    }
    return new URLSearchParams(this.onTheWay.query(streamId));
  }

  #checkSignature(signer: UrlSigner, streamId: string, query: URLSearchParams, viewer: Knocking): void {
    signer.check(streamId, query.get('expires'), query.get('signature'), query.get('bound'), {
      user: viewer.username,
      address: viewer.ip,
    });
  }
}
