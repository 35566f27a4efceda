import { StreampoolError } from '@streampool/errors';
import type { UpstreamRequest } from '../types.ts';
import { DEFAULT_USER_AGENT } from '../user-agent.ts';
import type { TargetUrl } from './target-url.ts';

/** Headers that belong to the connection, or that this client decides itself. */
const NOT_FORWARDED = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'if-range',
  'keep-alive',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const CREDENTIALS = new Set(['authorization', 'cookie', 'proxy-authorization']);
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The headers without those that identify whoever sends them. */
export function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !CREDENTIALS.has(name.toLowerCase())));
}

/**
 * The bytes of a request head (RFC 9112 §3). `withCredentials` is false after a redirect to another host: the
 * Authorization and Cookie headers of the stream then stay behind.
 * @throws StreampoolError INVALID_REQUEST for a header that would break out of its line
 */
export function requestHead(request: UpstreamRequest, target: TargetUrl, withCredentials: boolean): string {
  let head = `${request.method ?? 'GET'} ${target.path} HTTP/1.1\r\n`;
  for (const [name, value] of requestHeaders(request, target, withCredentials))
    head += `${name}: ${value}\r\n`;
  return `${head}Connection: close\r\n\r\n`;
}

/** Those of a request but for `Connection`, in the order in which they are sent. @throws as {@link requestHead} */
export function requestHeaders(
  request: UpstreamRequest,
  target: TargetUrl,
  withCredentials: boolean,
): [name: string, value: string][] {
  const headers = new Map<string, [name: string, value: string]>();
  const set = (name: string, value: string) => headers.set(name.toLowerCase(), [name, value]);

  set('Host', target.hostHeader);
  set('User-Agent', request.userAgent ?? DEFAULT_USER_AGENT);
  set('Accept', '*/*');
  set('Accept-Encoding', 'identity');
  if (target.authorization) set('Authorization', target.authorization);
  for (const [name, value] of Object.entries(request.headers)) {
    const key = name.toLowerCase();
    if (NOT_FORWARDED.has(key) || (key === 'user-agent' && request.userAgent !== undefined)) continue;
    if (!withCredentials && CREDENTIALS.has(key)) continue;
    set(name, value);
  }
  if (request.body !== undefined) set('Content-Length', String(Buffer.byteLength(request.body)));
  if (request.range) set('Range', request.range);
  if (request.ifRange) set('If-Range', request.ifRange);
  for (const [name, value] of headers.values()) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be sent.
    if (!TOKEN.test(name) || /[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) {
      throw new StreampoolError('INVALID_REQUEST', `The header ${JSON.stringify(name)} cannot be sent`);
    }
  }
  return [...headers.values()];
}
