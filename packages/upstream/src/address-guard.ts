import { isIP } from 'node:net';
import { StreampoolError } from '@streampool/errors';
import ipaddr from 'ipaddr.js';

export interface AddressPolicy {
  /** Whether tuners and servers on loopback, private, link-local and carrier addresses may be used. True by default. */
  readonly allowPrivate?: boolean;
}

/** Metadata services of clouds hand out credentials and serve no media: never reached, whatever the policy. */
const METADATA = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '168.63.129.16',
  'fd00:ec2::254',
]);

/**
 * Decides which addresses may be connected to. It is asked with the address itself, after name resolution and at
 * every hop of a redirect, so that a name that resolves differently the second time gains nothing.
 */
export class AddressGuard {
  readonly #allowPrivate: boolean;
  readonly #ownPorts = new Set<number>();

  constructor(policy: AddressPolicy = {}) {
    this.#allowPrivate = policy.allowPrivate ?? true;
  }

  /** Refuses a port of this very machine, such as the loopback door's: a stream that reads itself never ends. */
  refuseOwnPort(port: number): void {
    this.#ownPorts.add(port);
  }

  allowOwnPort(port: number): void {
    this.#ownPorts.delete(port);
  }

  /** Like {@link refusal} for a host of a URL: names are judged later, by the addresses they resolve to. */
  refusalOfHost(hostname: string, port: number): StreampoolError | undefined {
    return isIP(hostname) === 0 ? undefined : this.refusal(hostname, port);
  }

  /** Why this address may not be connected to, or undefined. `address` is an IPv4 or IPv6 address, zone allowed. */
  refusal(address: string, port: number): StreampoolError | undefined {
    const plain = address.replace(/%.*$/, '');
    if (!ipaddr.isValid(plain)) return forbidden(`${address} is no address`);
    const ip = embeddedIpv4(ipaddr.process(plain));
    const range = ip.range();
    if (this.#ownPorts.has(port) && (range === 'loopback' || range === 'unspecified')) {
      return forbidden('The URL leads back to Streampool itself');
    }
    if (METADATA.has(ip.toString())) return forbidden(`${address} is a cloud metadata address`);
    if (!this.#allowPrivate && range !== 'unicast')
      return forbidden(`${address} is not a public address (${range})`);
    return undefined;
  }
}

/** NAT64 and 6to4 addresses stand for an IPv4 address, which is the one to judge. */
function embeddedIpv4(ip: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (ip.kind() === 'ipv4') return ip;
  const bytes = ip.toByteArray();
  if (ip.range() === 'rfc6052') return new ipaddr.IPv4(bytes.slice(12));
  if (ip.range() === '6to4') return new ipaddr.IPv4(bytes.slice(2, 6));
  return ip;
}

function forbidden(reason: string): StreampoolError {
  return new StreampoolError('UPSTREAM_ADDRESS_FORBIDDEN', reason);
}
