import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';

const IV_BYTES = 16;
const CIPHER = 'aes-256-ctr';

/**
 * Seals short texts so that nobody without the key can read, alter or make them. The same text in the same context always
 * gives the same seal, as caches and players that compare addresses need it: the construction is that of SIV (RFC 5297),
 * with HMAC-SHA-256 for the initialization vector, which also authenticates, and AES-256 in counter mode. That two texts
 * are equal is all that seals tell.
 */
export class Seal {
  // Key objects: of plain bytes Node finds out each time that they are none, which takes longer than sealing.
  readonly #macKey: KeyObject;
  readonly #encryptionKey: KeyObject;

  /** `key`: at least 32 random bytes, of this purpose only. */
  constructor(key: Buffer) {
    if (key.length < 32) throw new RangeError('a sealing key has at least 32 bytes');
    this.#macKey = derived(key, 'mac');
    this.#encryptionKey = derived(key, 'encryption');
  }

  /** In base64url, 22 characters longer than the text's own. `context`: what the seal is bound to, and opens with only. */
  seal(text: string, context: string): string {
    const plain = Buffer.from(text, 'utf8');
    const iv = this.#iv(plain, context);
    const cipher = createCipheriv(CIPHER, this.#encryptionKey, iv);
    return Buffer.concat([iv, cipher.update(plain), cipher.final()]).toString('base64url');
  }

  /** Undefined for what was not sealed with this key in this context. */
  open(sealed: string, context: string): string | undefined {
    const bytes = Buffer.from(sealed, 'base64url');
    // A second spelling of the same bytes would be a second address of the same thing.
    if (bytes.length < IV_BYTES || bytes.toString('base64url') !== sealed) return undefined;
    const iv = bytes.subarray(0, IV_BYTES);
    const decipher = createDecipheriv(CIPHER, this.#encryptionKey, iv);
    const plain = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES)), decipher.final()]);
    return timingSafeEqual(this.#iv(plain, context), iv) ? plain.toString('utf8') : undefined;
  }

  #iv(plain: Buffer, context: string): Buffer {
    const bound = Buffer.from(context, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bound.length);
    // The length first: no context and text can be cut in another place.
    const mac = createHmac('sha256', this.#macKey).update(length).update(bound).update(plain).digest();
    return mac.subarray(0, IV_BYTES);
  }
}

function derived(key: Buffer, purpose: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', key, '', `streampool seal ${purpose}`, 32)));
}
