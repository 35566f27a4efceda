import { isUtf8 } from 'node:buffer';

/** Lines that are addresses, and addresses in tags. */
const ADDRESS = /^(?![ \t]*#).+|\bURI="[^"\r\n]*"/gm;

/**
 * The text of a playlist. RFC 8216 §4.1 wants UTF-8; what is none is taken for Latin-1, and comes out as UTF-8, so that names of
 * channels stay readable. Addresses are sent back to the provider byte for byte: there these bytes are percent-encoded.
 */
export function decodePlaylist(body: Buffer): string {
  if (isUtf8(body)) return body.toString('utf8');
  return body
    .toString('latin1')
    .replace(ADDRESS, (address) =>
      address.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`),
    );
}
