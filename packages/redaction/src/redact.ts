/** What stands in the place of a secret. */
const HIDDEN = '***';

/** Query parameters whose values are credentials in the field's usual URLs (Xtream, tokens, signed URLs). */
const SECRET_PARAMETER =
  /^(?:user(?:name)?|u|login|pass(?:word|wd)?|p|pw|token|api[_-]?token|access[_-]?token|auth(?:orization)?|api[_-]?key|key|secret|sig(?:nature)?|hmac|hash|jwt|session(?:id)?|sid|mac|play_token|x-amz-[a-z-]+|policy|key-pair-id)$/i;

const SECRET_HEADER =
  /^(?:authorization|proxy-authorization|cookie|set-cookie|x-api-token|x-api-key|x-auth.*|.*token.*|.*secret.*)$/i;

/**
 * Xtream paths carry the login: `/live/USER/PASS/123.ts`, `/movie/…`, `/series/…`, `/timeshift/…`, below any folder that a panel
 * stands in; and the short `/USER/PASS/123`.
 */
const XTREAM_PATH =
  /^((?:\/[^/]+)*\/(?:live|movie|series|timeshift)|\/(?:hls|streaming))?\/[^/]+\/[^/]+\/((?:\d+\/[^/]+\/)?\d+(?:\.[a-z0-9]+)?)$/i;

/**
 * The URL with every credential replaced by `***`: userinfo, secret query parameters, the login in an Xtream path.
 * Host, path and the names of parameters stay, so that an operator still recognises the source.
 * A string that is no URL is treated as text (see {@link redactText}).
 */
export function redactUrl(url: string): string {
  const parts = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(url);
  if (!parts) return url.replace(/(?<=:\/\/)[^/?#\s@]+@/g, `${HIDDEN}@`);
  const [, scheme = '', authority = '', path = '', query = ''] = parts;
  const host = authority.includes('@')
    ? `${HIDDEN}@${authority.slice(authority.lastIndexOf('@') + 1)}`
    : authority;
  return scheme + host + redactPath(path) + redactQuery(query);
}

function redactPath(path: string): string {
  const xtream = XTREAM_PATH.exec(path);
  if (!xtream) return path;
  const [, before = '', id] = xtream;
  return `${before}/${HIDDEN}/${HIDDEN}/${id}`;
}

function redactQuery(query: string): string {
  return query.replace(/([?&])([^=&]+)=([^&]*)/g, (whole, mark: string, name: string) =>
    SECRET_PARAMETER.test(name) ? `${mark}${name}=${HIDDEN}` : whole,
  );
}

/** Redacts every URL found in free text, such as FFmpeg's stderr or an error message. */
export function redactText(text: string): string {
  // The login may hold an apostrophe; elsewhere one ends the URL, since messages quote URLs with it.
  if (!text.includes('://')) return text;
  // No scheme is longer; without a bound, a long word without one would cost the square of its length.
  return text.replace(/[a-z][a-z0-9+.-]{0,31}:\/\/(?:[^\s"<>@/]*@)?[^\s'"<>]*[^\s'"<>.,:;)\]]/gi, (url) =>
    redactUrl(url),
  );
}

/** A copy of the headers with the values of credentials hidden. */
export function redactHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, SECRET_HEADER.test(name) ? HIDDEN : value]),
  );
}
