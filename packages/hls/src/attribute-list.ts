/** One attribute (RFC 8216 §4.2): a name, then a quoted string (or what is left of one) or anything up to the next comma or space. */
const ATTRIBUTE = /([A-Z0-9-]+)\s*=\s*(?:"([^"]*)(?:"|$)|([^",\s][^,\s]*)|)/gi;

/** A list that every reader reads alike: no escapes, no space around `=`, nothing between attributes but commas. */
const PLAIN_LIST = /^[ \t]*(?:[A-Z0-9-]+=(?:"[^"\\]*"|[^",\s\\]*)(?:[ \t]*,[ \t]*(?=[A-Z0-9-])|[ \t]*$))+$/i;

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
 *
 * HLS knows no escapes, FFmpeg does, ends values at spaces, and takes anything for a name: where two readers could see different
 * attributes, a URI could be hidden from one of them. Such a list is written anew from what was read in it.
 */
export function replaceAttributes(
  list: string,
  replace: (name: string, value: string) => string | undefined,
): string {
  return plainList(list).replace(ATTRIBUTE, (whole, name: string, quoted?: string, plain?: string) => {
    const value = quoted ?? plain;
    const replaced = value === undefined ? undefined : replace(name.toUpperCase(), value);
    return replaced === undefined ? whole : `${name}="${replaced.replaceAll('"', '%22')}"`;
  });
}

function plainList(list: string): string {
  if (PLAIN_LIST.test(list)) return list;
  return [...list.replaceAll('\\', '').matchAll(ATTRIBUTE)]
    .map(
      ([, name, quoted, plain = '']) =>
        `${name}=${quoted === undefined ? plain.replaceAll('"', '') : `"${quoted}"`}`,
    )
    .join(',');
}
