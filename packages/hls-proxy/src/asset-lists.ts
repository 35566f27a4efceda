import { StreampoolError } from '@streampool/errors';
import { type HlsBody, rewriteAssetList } from '@streampool/hls';
import type { BodyStore, Found } from './cache/body-store.ts';
import { type Addresses, assetAt } from './token/addresses.ts';
import type { BodyResource } from './token/resource.ts';

export interface AssetListsOptions {
  readonly addresses: Pick<Addresses, 'playlistPath'>;
  readonly bodies: Pick<BodyStore, 'get'>;
}

export interface FoundAssetList extends Omit<Found, 'found'> {
  readonly found: Pick<Found['found'], 'freshUntilMs'> & { readonly body: Buffer };
}

const MOST_BYTES = 256 * 1024;

/** What is played in between, and where: lists that EXT-X-DATERANGE leads to, with our addresses in them. */
export class AssetLists {
  readonly #options: AssetListsOptions;
  /** By the provider's body: many players come to the same pause at the same time. */
  readonly #rewritten = new WeakMap<HlsBody, Buffer>();

  constructor(options: AssetListsOptions) {
    this.#options = options;
  }

  /** Its addresses are relative to `segment/`. @throws StreampoolError UPSTREAM_NOT_MEDIA, and as {@link BodyStore.get}; the signal's reason */
  async get(resource: BodyResource, signal: AbortSignal): Promise<FoundAssetList> {
    const { found, outcome } = await this.#options.bodies.get({ resource }, signal);
    const { url, freshUntilMs } = found;
    const known = this.#rewritten.get(found.body);
    const body = known ?? this.#rewrite(await textOf(found.body, signal), url);
    this.#rewritten.set(found.body, body);
    return { found: { body, freshUntilMs }, outcome };
  }

  #rewrite(text: string, baseUrl: string): Buffer {
    const rewriteUri = (url: string): string =>
      `../${this.#options.addresses.playlistPath(assetAt(url, baseUrl))}`;
    return Buffer.from(rewriteAssetList(text, { baseUrl, rewriteUri }));
  }
}

async function textOf(body: HlsBody, signal: AbortSignal): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body.open()) {
    signal.throwIfAborted();
    size += piece.length;
    if (size > MOST_BYTES)
      throw new StreampoolError(
        'UPSTREAM_NOT_MEDIA',
        `The provider's list of assets has more than ${MOST_BYTES} bytes`,
      );
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
