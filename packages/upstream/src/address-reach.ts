import ipaddr from 'ipaddr.js';

/** How far inside an address lies: everybody's, this network's, or this very machine's. */
export const REACH = { public: 0, network: 1, machine: 2 } as const;
export type Reach = (typeof REACH)[keyof typeof REACH];

/** Services of clouds that hand out credentials and serve no media, where they are not link-local anyway. */
const METADATA = new Set([
  '100.100.100.200', // Alibaba
  '168.63.129.16', // Azure
  '192.0.0.192', // Oracle
  'fd00:ec2::254', // AWS
  'fd00:ec2::23', // AWS, of containers
  'fd20:ce::254', // Google
]);

/** What an address is, and that of the IPv4 address it stands for. */
export interface Place {
  readonly reach: Reach;
  /** IANA's name of the range, for messages. */
  readonly range: string;
  /** Why it is never connected to. */
  readonly never?: 'a cloud metadata address' | 'a link-local address' | 'no address of a single host';
}

/** @param address IPv4 or IPv6 in any notation that is valid for a socket, zone allowed. Undefined: it is none. */
export function placeOf(address: string): Place | undefined {
  const plain = address.replace(/%.*$/, '');
  if (!ipaddr.isValid(plain)) return undefined;
  const ip = ipaddr.process(plain);
  const place = placeOfOne(ip);
  const inner = ip.kind() === 'ipv6' ? embeddedIpv4(ip as ipaddr.IPv6).map(placeOfOne) : [];
  // What is judged is the innermost place that the packets may end at.
  return [place, ...inner].reduce((worst, one) =>
    worst.never || (!one.never && one.reach <= worst.reach) ? worst : one,
  );
}

function placeOfOne(ip: ipaddr.IPv4 | ipaddr.IPv6): Place {
  const range: string = ip.range();
  if (METADATA.has(ip.toString())) return { reach: REACH.machine, range, never: 'a cloud metadata address' };
  if (ip.toString() === '169.254.169.254' || ip.toString() === '169.254.170.2')
    return { reach: REACH.machine, range, never: 'a cloud metadata address' };
  switch (range) {
    case 'linkLocal':
      return { reach: REACH.machine, range, never: 'a link-local address' };
    case 'multicast':
    case 'broadcast':
      return { reach: REACH.machine, range, never: 'no address of a single host' };
    case 'loopback':
    case 'unspecified': // Linux connects to itself
      return { reach: REACH.machine, range };
    case 'unicast':
    case 'rfc6052': // NAT64, 6to4 and mapped addresses are as far as what they stand for
    case 'rfc6145':
    case '6to4':
    case 'ipv4Mapped':
      return { reach: REACH.public, range };
    default:
      return { reach: REACH.network, range };
  }
}

/** The IPv4 addresses that gateways and translators may read from an IPv6 address. */
function embeddedIpv4(ip: ipaddr.IPv6): ipaddr.IPv4[] {
  const bytes = ip.toByteArray();
  const at = (start: number): ipaddr.IPv4 => new ipaddr.IPv4(bytes.slice(start, start + 4));
  const last = at(12);
  switch (ip.range() as string) {
    case 'rfc6052': // 64:ff9b::/96 and 64:ff9b:1::/48 (RFC 6052, 8215)
    case 'rfc6145': // ::ffff:0:a.b.c.d
    case 'ipv4Mapped':
      return [last];
    case '6to4': // 2002:aabb:ccdd::/48
      return [at(2)];
    case 'teredo': // server, and the client's address with all bits turned over (RFC 4380 §4)
      return [at(4), new ipaddr.IPv4(bytes.slice(12, 16).map((byte) => byte ^ 0xff))];
    default:
  }
  // IPv4-compatible: ::a.b.c.d (RFC 4291 §2.5.5.1), and ISATAP: …:0:5efe:a.b.c.d (RFC 5214 §6.1).
  if (bytes.slice(0, 12).every((byte) => byte === 0) && ip.range() === 'unicast') return [last];
  const isatap = (bytes[8]! & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
  return isatap ? [last] : [];
}
