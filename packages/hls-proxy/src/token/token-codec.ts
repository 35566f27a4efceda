import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';
import { StreampoolError } from '@streampool/errors';
import type { BodyResource, PlaylistPlace, PlaylistResource, Resource } from './resource.ts';

/** Below which folder a token stands: one of the other folder is not accepted. */
export type Folder = 'variant' | 'segment';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
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
  | readonly [kind: 'm' | 'k' | 'd', url: string, from?: string];

const KINDS = { m: 'media', k: 'key', d: 'data' } as const;

/**
 * Tokens that stand for a provider's URLs: encrypted, so that players learn nothing of the provider; authenticated and bound
 * to the stream and the folder, so that nobody can have anything fetched that a playlist did not name; and the same for the
 * same resource, since players compare URIs across reloads. AES-256-GCM with a nonce that is a MAC of what is sealed (the
 * construction of RFC 5297); keys by HKDF (RFC 5869), one pair for each stream.
 */
export class TokenCodec {
  // Key objects: with plain bytes Node looks each time whether they are one, which takes longer than sealing.
  readonly #macKey: KeyObject;
  readonly #key: KeyObject;

  constructor(secret: string, streamId: string) {
    if (secret.length < LEAST_SECRET)
      throw new TypeError(`a token secret has at least ${LEAST_SECRET} characters`);
    const keys = Buffer.from(hkdfSync('sha256', secret, '', `streampool hls address\0${streamId}`, 64));
    this.#macKey = createSecretKey(keys.subarray(0, 32));
    this.#key = createSecretKey(keys.subarray(32));
  }

  seal(resource: Resource): string {
    const plain = Buffer.from(JSON.stringify(sealed(resource)));
    const folder = folderOf(resource);
    const nonce = this.#nonce(folder, plain);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(folder));
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
  }

  /** @throws StreampoolError HLS_TOKEN_INVALID for one that was not sealed for this stream and folder */
  open(folder: 'variant', token: string): PlaylistResource;
  open(folder: 'segment', token: string): BodyResource;
  open(folder: Folder, token: string): Resource {
    const bytes = Buffer.from(token, 'base64url');
    // The decoder skips what it cannot read: only one spelling is accepted.
    const isWhole = bytes.length > NONCE_BYTES + TAG_BYTES && bytes.toString('base64url') === token;
    const plain = isWhole ? this.#decrypt(folder, bytes) : undefined;
    if (!plain) throw new StreampoolError('HLS_TOKEN_INVALID', 'this address does not belong to the stream');
    return opened(JSON.parse(plain.toString()) as Sealed);
  }

  #decrypt(folder: Folder, bytes: Buffer): Buffer | undefined {
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(folder))
      .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    try {
      const plain = Buffer.concat([
        decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)),
        decipher.final(),
      ]);
      return timingSafeEqual(nonce, this.#nonce(folder, plain)) ? plain : undefined;
    } catch {
      return undefined;
    }
  }

  #nonce(folder: Folder, plain: Buffer): Buffer {
    const mac = createHmac('sha256', this.#macKey).update(`${folder}\0`).update(plain);
    return mac.digest().subarray(0, NONCE_BYTES);
  }
}

function folderOf({ kind }: Resource): Folder {
  return kind === 'playlist' ? 'variant' : 'segment';
}

function sealed(resource: Resource): Sealed {
  const { url, from } = resource;
  if (resource.kind !== 'playlist') {
    const kind = resource.kind === 'media' ? 'm' : resource.kind === 'key' ? 'k' : 'd';
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
