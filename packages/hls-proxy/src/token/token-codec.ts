import { hkdfSync } from 'node:crypto';
import { StreampoolError } from '@streampool/errors';
import { Seal } from '@streampool/sealing';
import type { BodyResource, PlaylistPlace, PlaylistResource, Resource } from './resource.ts';

/** Below which folder a token stands: one of the other folder is not accepted. */
export type Folder = 'variant' | 'segment';

const LEAST_SECRET = 16;

/** As it is sealed, short: it stands in every line of a playlist. `from` is empty for the host of the URL itself. */
type Sealed =
  | readonly [
      kind: 'p',
      url: string,
      from: string,
      source: number,
      place: PlaylistPlace,
      variables?: Readonly<Record<string, string>>,
    ]
  | readonly [kind: 'm' | 'k' | 'd' | 'a', url: string, from?: string];

const KINDS = { m: 'media', k: 'key', d: 'data', a: 'assets' } as const;
const LETTERS = { media: 'm', key: 'k', data: 'd', assets: 'a' } as const;

/**
 * Tokens that stand for a provider's URLs: encrypted, so that players learn nothing of the provider; authenticated and bound
 * to the stream and the folder, so that nobody can have anything fetched that a playlist did not name; and the same for the
 * same resource, since players compare URIs across reloads: see {@link Seal}. Keys by HKDF (RFC 5869), one for each stream.
 */
export class TokenCodec {
  readonly #seal: Seal;

  constructor(secret: string, streamId: string) {
    if (secret.length < LEAST_SECRET)
      throw new TypeError(`a token secret has at least ${LEAST_SECRET} characters`);
    const key = hkdfSync('sha256', secret, '', `streampool hls address\0${streamId}`, 32);
    this.#seal = new Seal(Buffer.from(key));
  }

  seal(resource: Resource): string {
    return this.#seal.seal(JSON.stringify(sealed(resource)), folderOf(resource));
  }

  /** @throws StreampoolError HLS_TOKEN_INVALID for one that was not sealed for this stream and folder */
  open(folder: 'variant', token: string): PlaylistResource;
  open(folder: 'segment', token: string): BodyResource;
  open(folder: Folder, token: string): Resource {
    const plain = this.#seal.open(token, folder);
    if (plain === undefined)
      throw new StreampoolError('HLS_TOKEN_INVALID', 'this address does not belong to the stream');
    return opened(JSON.parse(plain) as Sealed);
  }
}

function folderOf({ kind }: Resource): Folder {
  return kind === 'playlist' ? 'variant' : 'segment';
}

function sealed(resource: Resource): Sealed {
  const { url, from } = resource;
  if (resource.kind !== 'playlist') {
    const kind = LETTERS[resource.kind];
    return from === undefined ? [kind, url] : [kind, url, from];
  }
  const { source, place, variables } = resource;
  const hasVariables = variables !== undefined && Object.keys(variables).length > 0;
  const plain = ['p', url, from ?? '', source, place] as const;
  return hasVariables ? [...plain, variables] : plain;
}

function opened(value: Sealed): Resource {
  const [, url, from] = value;
  const where = { url, ...(from && { from }) };
  if (value[0] !== 'p') return { kind: KINDS[value[0]], ...where };
  const [, , , source, place, variables] = value;
  return { kind: 'playlist', ...where, source, place, ...(variables && { variables }) };
}
