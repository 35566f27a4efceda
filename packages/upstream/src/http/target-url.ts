import { StreampoolError } from '@streampool/errors';
import { redactUrl } from '@streampool/redaction';

/** A URL taken apart for a request. */
export interface TargetUrl {
  /** As it was given, without the fragment. */
  readonly href: string;
  readonly secure: boolean;
  /** Host name in ASCII, or an address without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** The value of the Host header: brackets around IPv6, no default port. */
  readonly hostHeader: string;
  /** Path and query as they were written: signed URLs break when anything is re-encoded. Only bytes that no request line may hold are escaped. */
  readonly path: string;
  /** The value of an Authorization header made from userinfo (RFC 7617). */
  readonly authorization?: string;
}

const PARTS = /^(https?):\/\/([^/?#]*)([^#]*)/i;

/**
 * @throws StreampoolError UPSTREAM_PROTOCOL for anything but an absolute http or https URL
 */
export function parseTargetUrl(url: string): TargetUrl {
  const parts = PARTS.exec(url.trim());
  const parsed = parts && URL.canParse(parts[0]) ? new URL(parts[0]) : undefined;
  if (!parts || !parsed?.hostname) {
    throw new StreampoolError('UPSTREAM_PROTOCOL', `Not an http or https URL: ${redactUrl(url)}`);
  }
  const secure = parsed.protocol === 'https:';
  const rest = parts[3] ?? '';
  const authorization = basicAuthorization(parsed);
  return {
    href: parts[0],
    secure,
    hostname: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port ? Number(parsed.port) : secure ? 443 : 80,
    hostHeader: parsed.host,
    path: escapeIllegal(rest.startsWith('/') ? rest : `/${rest}`),
    ...(authorization ? { authorization } : {}),
  };
}

/**
 * The absolute URL that a Location header names (RFC 9110 §10.2.2), keeping its query byte for byte.
 * @throws StreampoolError UPSTREAM_PROTOCOL when it leads away from http and https
 */
export function resolveLocation(location: string, base: TargetUrl): TargetUrl {
  const target = location.trim();
  if (/^https?:\/\//i.test(target)) return parseTargetUrl(target);
  const scheme = base.secure ? 'https:' : 'http:';
  if (target.startsWith('//')) return parseTargetUrl(scheme + target);
  const origin = `${scheme}//${base.href.replace(/^[a-z]+:\/\//i, '').replace(/[/?#].*$/s, '')}`;
  if (target.startsWith('/')) return parseTargetUrl(origin + target);
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) {
    throw new StreampoolError(
      'UPSTREAM_PROTOCOL',
      `The provider redirects to ${redactUrl(target)}, which is not http or https`,
    );
  }
  const [, targetPath = '', query = ''] = /^([^?#]*)(\?[^#]*)?/s.exec(target) ?? [];
  const basePath = base.path.replace(/\?.*$/s, '');
  // What begins with backslashes or control characters is a host to `URL`, and perhaps one that cannot be.
  const path = targetPath === '' ? basePath : URL.parse(targetPath, `http://x${basePath}`)?.pathname;
  if (path === undefined)
    throw new StreampoolError(
      'UPSTREAM_PROTOCOL',
      `The provider redirects to ${redactUrl(target)}, which is no address`,
    );
  return parseTargetUrl(origin + path + query);
}

/** Whether credentials meant for `from` may be sent to `to`: the same origin, or its upgrade to https. */
export function sharesCredentials(from: TargetUrl, to: TargetUrl): boolean {
  if (from.hostname.toLowerCase() !== to.hostname.toLowerCase()) return false;
  if (from.secure === to.secure) return from.port === to.port;
  return !from.secure && from.port === 80 && to.port === 443;
}

function basicAuthorization(url: URL): string | undefined {
  if (!url.username && !url.password) return undefined;
  const login = `${decode(url.username)}:${decode(url.password)}`;
  return `Basic ${Buffer.from(login, 'utf8').toString('base64')}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function escapeIllegal(path: string): string {
  return path.replace(/[^\x21-\x7e]/gu, (character) =>
    Array.from(
      Buffer.from(character, 'utf8'),
      (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    ).join(''),
  );
}
