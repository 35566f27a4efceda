interface UriParts {
  readonly scheme: string | undefined;
  readonly authority: string | undefined;
  readonly path: string;
  readonly query: string | undefined;
  readonly fragment: string | undefined;
}

/** The expression of RFC 3986 appendix B, with schemes limited to what can be one. */
const URI = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is;

/**
 * Resolves a reference against an absolute URL as RFC 3986 §5.2 says, on the text as it stands: `URL` would escape,
 * lower-case and reorder, and a provider's signature over path and query would no longer fit. An absolute reference
 * comes back as it is.
 */
export function resolveUri(reference: string, base: string): string {
  const { scheme, authority, path, query, fragment } = split(reference);
  if (scheme !== undefined) return reference;
  const from = split(base);
  if (authority !== undefined) {
    return join({ scheme: from.scheme, authority, path: withoutDots(path), query, fragment });
  }
  const kept = { scheme: from.scheme, authority: from.authority, fragment };
  if (path === '') return join({ ...kept, path: from.path, query: query ?? from.query });
  const merged = path.startsWith('/') ? path : mergePaths(from, path);
  return join({ ...kept, path: withoutDots(merged), query });
}

/** The scheme in lower case, undefined for a relative reference. */
export function schemeOf(reference: string): string | undefined {
  return split(reference).scheme?.toLowerCase();
}

/** The query without its question mark, as it stands. */
export function queryOf(uri: string): string | undefined {
  return split(uri).query;
}

function split(uri: string): UriParts {
  const [, scheme, authority, path = '', query, fragment] = URI.exec(uri) ?? [];
  return { scheme, authority, path, query, fragment };
}

function join({ scheme, authority, path, query, fragment }: UriParts): string {
  return (
    (scheme === undefined ? '' : `${scheme}:`) +
    (authority === undefined ? '' : `//${authority}`) +
    path +
    (query === undefined ? '' : `?${query}`) +
    (fragment === undefined ? '' : `#${fragment}`)
  );
}

function mergePaths(base: UriParts, path: string): string {
  if (base.authority !== undefined && base.path === '') return `/${path}`;
  return base.path.slice(0, base.path.lastIndexOf('/') + 1) + path;
}

/** RFC 3986 §5.2.4. */
function withoutDots(path: string): string {
  const out: string[] = [];
  const segments = path.split('/');
  segments.forEach((segment, index) => {
    const isLast = index === segments.length - 1;
    if (segment === '..') {
      if (out.length > 1 || (out.length === 1 && out[0] !== '')) out.pop();
    } else if (segment !== '.') {
      out.push(segment);
      return;
    }
    if (isLast) out.push('');
  });
  return out.join('/');
}
