/** One attribute (RFC 8216 §4.2): a name, then a quoted string (or what is left of one) or anything up to the next comma. */
const ATTRIBUTE = /([A-Z0-9-]+)\s*=\s*(?:"([^"]*)(?:"|$)|([^",][^,]*)|)/gi;

/** Reads an attribute list. Quotes are taken off; of a repeated name the first counts. */
export function parseAttributes(list: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = '', quoted, plain] of list.matchAll(ATTRIBUTE)) {
    const key = name.toUpperCase();
    if (!attributes.has(key)) attributes.set(key, quoted ?? plain?.trim() ?? '');
  }
  return attributes;
}

/**
 * Replaces the values of some attributes and leaves every other byte of the list as it is. `replace` gets the value
 * without quotes and returns the new one, which is quoted, or undefined to leave it.
 */
export function replaceAttributes(
  list: string,
  replace: (name: string, value: string) => string | undefined,
): string {
  // HLS knows no escapes, FFmpeg does: where the two read a list differently, a URI could be hidden from one of them.
  return list
    .replaceAll('\\"', '"')
    .replace(ATTRIBUTE, (whole, name: string, quoted?: string, plain?: string) => {
      const value = quoted ?? plain?.trim();
      const replaced = value === undefined ? undefined : replace(name.toUpperCase(), value);
      return replaced === undefined ? whole : `${name}="${replaced.replaceAll('"', '%22')}"`;
    });
}
