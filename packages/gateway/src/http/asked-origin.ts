import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import proxyAddr from 'proxy-addr';

/** The origin under which this server was asked, such as `https://tv.example:8443`; undefined: the request does not say. */
export type AskedOrigin = (req: IncomingMessage) => string | undefined;

/** A host and a port (RFC 9110 §7.2), and nothing that would end either in a URL. */
const HOST = /^(?:[\w.~-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/** By Host, and X-Forwarded-Proto where a trusted proxy says it. `trusted`: addresses, CIDRs or proxy-addr's names. */
export function askedOriginReader(trusted: readonly string[]): AskedOrigin {
  const isTrusted = proxyAddr.compile([...trusted]);
  return ({ headers, socket }) => {
    const { host = '' } = headers;
    if (!HOST.test(host)) return undefined;
    const said = String(headers['x-forwarded-proto'] ?? '')
      .trim()
      .toLowerCase();
    const isSaid = /^https?$/.test(said) && isTrusted(socket.remoteAddress ?? '', 0);
    return `${isSaid ? said : socket instanceof TLSSocket ? 'https' : 'http'}://${host}`;
  };
}
