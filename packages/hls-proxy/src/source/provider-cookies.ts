import type { FetchCookies } from '@streampool/upstream';
import { Cookie, CookieJar } from 'tough-cookie';

const MOST_HOSTS = 16;
/** Of one host; more than players have to keep (RFC 6265 §6.1) is not kept. */
const MOST_COOKIES = 50;
const MOST_BYTES = 4_096;
/** Of all cookies in one request: servers refuse larger heads. */
const MOST_SENT_BYTES = 8_192;

/**
 * What a provider's answers have set, for as long as its source plays: sent back to the host and port that set it and to
 * nobody else, whatever `Domain` says. Paths, expiry and `Secure` are as in RFC 6265.
 */
export class ProviderCookies implements FetchCookies {
  /** In the order of their last answer. */
  readonly #jars = new Map<string, CookieJar>();

  sentTo(url: string): string | undefined {
    const kept = this.#jars.get(originOf(url))?.getCookiesSync(url) ?? [];
    const sent: string[] = [];
    let bytes = 0;
    for (const text of kept.map((cookie) => cookie.cookieString())) {
      bytes += text.length + 2;
      if (bytes > MOST_SENT_BYTES) break;
      sent.push(text);
    }
    return sent.length > 0 ? sent.join('; ') : undefined;
  }

  setBy(url: string, lines: readonly string[]): void {
    const origin = originOf(url);
    // Without `Domain` no public suffix matters.
    const jar = this.#jars.get(origin) ?? new CookieJar(undefined, { rejectPublicSuffixes: false });
    this.#jars.delete(origin);
    this.#jars.set(origin, jar);
    const [oldest] = this.#jars.keys();
    if (this.#jars.size > MOST_HOSTS && oldest !== undefined) this.#jars.delete(oldest);
    for (const line of lines.slice(0, MOST_COOKIES)) {
      const cookie = line.length <= MOST_BYTES ? Cookie.parse(line) : undefined;
      if (!cookie) continue;
      cookie.domain = null;
      const kept = jar.getCookiesSync(url, { allPaths: true });
      if (kept.length < MOST_COOKIES || kept.some(({ key }) => key === cookie.key))
        jar.setCookieSync(cookie, url, { ignoreError: true });
    }
  }
}

/** Cookies know no ports, but the servers of one address may be different people's; http and https are one server's. */
function originOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port}`;
}
