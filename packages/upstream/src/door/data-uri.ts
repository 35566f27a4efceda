/** The bytes of a `data:` URI (RFC 2397), or undefined where it is none. */
export function dataOf(uri: string): Buffer | undefined {
  const [, type, data] = /^data:([^,]*),(.*)$/is.exec(uri) ?? [];
  if (type === undefined || data === undefined) return undefined;
  try {
    const text = decodeURIComponent(data.replace(/#.*$/s, ''));
    return /;\s*base64\s*$/i.test(type) ? Buffer.from(text, 'base64') : Buffer.from(text, 'latin1');
  } catch {
    return undefined;
  }
}
