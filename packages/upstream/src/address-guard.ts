import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { StreampoolError } from '@streampool/errors';
import ipaddr from 'ipaddr.js';
import { type Place, placeOf, REACH, type Reach } from './address-reach.ts';

/**
 * `public`: addresses of the internet only. `lan`: this network and this machine as well, where the stream itself names them, but
 * nothing that a source further outside leads to. `any`: wherever a source leads. Link-local and cloud metadata addresses: never.
 */
export type UpstreamAccess = 'public' | 'lan' | 'any';

export interface AddressPolicy {
  /** `lan` by default. */
  readonly access?: UpstreamAccess;
}

/** What decides over one connection. */
export interface AddressJudge {
  /** Like {@link refusal} for a host of a URL: names are judged later, by the addresses they resolve to. */
  refusalOfHost(hostname: string, port: number): StreampoolError | undefined;
  /** Why this address may not be connected to, or undefined. `address` is an IPv4 or IPv6 address, zone allowed. */
  refusal(address: string, port: number): StreampoolError | undefined;
}

/** The most names whose place is remembered, and for how long they are held to have stayed there, ms. */
const MOST_NAMES = 2_000;
const REMEMBERED_MS = 3_600_000;
/** How long the list of this machine's own addresses is good, ms. */
const OWN_ADDRESSES_MS = 10_000;

/**
 * Decides which addresses may be connected to. It is asked with the address itself, after name resolution and at
 * every hop of a redirect, so that a name that resolves differently the second time gains nothing.
 */
export class AddressGuard implements AddressJudge {
  readonly #access: UpstreamAccess;
  readonly #now: () => number;
  readonly #ownPorts = new Set<number>();
  /** How far inside names were when they were last connected to. */
  readonly #places = new Map<string, { readonly reach: Reach; readonly atMs: number }>();
  #own: { readonly addresses: ReadonlySet<string>; readonly atMs: number } | undefined;

  constructor({ access = 'lan' }: AddressPolicy = {}, now: () => number = () => performance.now()) {
    this.#access = access;
    this.#now = now;
  }

  /** Refuses a port of this very machine, such as the loopback door's: a stream that reads itself never ends. */
  refuseOwnPort(port: number): void {
    this.#ownPorts.add(port);
  }

  allowOwnPort(port: number): void {
    this.#ownPorts.delete(port);
  }

  refusalOfHost(hostname: string, port: number): StreampoolError | undefined {
    return isIP(hostname) === 0 ? undefined : this.refusal(hostname, port);
  }

  refusal(address: string, port: number): StreampoolError | undefined {
    return this.#judge(address, port, this.#access === 'public' ? REACH.public : REACH.machine);
  }

  /**
   * Who decides over a connection to `hostname`, which the host `from` led to (by a redirect, or in a playlist); absent, the
   * stream itself names it. A name that was further outside a while ago has not moved: it is somebody's attempt to come inside.
   */
  toward(hostname: string, from?: string): AddressJudge {
    if (this.#access !== 'lan') return this;
    const outermost = Math.min(
      from === undefined ? REACH.machine : (this.#reachOf(from, Number.POSITIVE_INFINITY) ?? REACH.public),
      isIP(hostname) === 0 ? (this.#reachOf(hostname, REMEMBERED_MS) ?? REACH.machine) : REACH.machine,
    ) as Reach;
    if (outermost === REACH.machine) return this;
    const refusal = (address: string, port: number) => this.#judge(address, port, outermost);
    return {
      refusal,
      refusalOfHost: (host, port) => (isIP(host) === 0 ? undefined : refusal(host, port)),
    };
  }

  /** A connection to that host stands. */
  connected(hostname: string, address: string | undefined): void {
    if (this.#access !== 'lan' || isIP(hostname) !== 0 || address === undefined) return;
    const reach = placeOf(address)?.reach;
    if (reach === undefined) return;
    const name = nameOf(hostname);
    this.#places.delete(name);
    this.#places.set(name, { reach, atMs: this.#now() });
    const [oldest] = this.#places.keys();
    if (this.#places.size > MOST_NAMES && oldest !== undefined) this.#places.delete(oldest);
  }

  #judge(address: string, port: number, innermost: Reach): StreampoolError | undefined {
    const place = placeOf(address);
    if (!place) return forbidden(`${address} is no address`);
    if (this.#ownPorts.has(port) && this.#isOwn(address, place)) {
      return forbidden('The URL leads back to Streampool itself');
    }
    if (place.never) return forbidden(`${address} is ${place.never}`);
    if (place.reach <= innermost) return undefined;
    return this.#access === 'public'
      ? forbidden(`${address} is not a public address (${place.range})`)
      : forbidden(`A source outside leads to ${address}, which is inside (${place.range})`);
  }

  #reachOf(hostname: string, withinMs: number): Reach | undefined {
    if (isIP(hostname) !== 0) return placeOf(hostname)?.reach;
    const known = this.#places.get(nameOf(hostname));
    return known && this.#now() - known.atMs < withinMs ? known.reach : undefined;
  }

  /** Asked for own ports only. */
  #isOwn(address: string, place: Place): boolean {
    if (place.reach === REACH.machine) return true;
    if (!this.#own || this.#now() - this.#own.atMs > OWN_ADDRESSES_MS) {
      const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
      const addresses = new Set(all.map((entry) => plain(entry.address)));
      this.#own = { addresses, atMs: this.#now() };
    }
    return this.#own.addresses.has(plain(address));
  }
}

function plain(address: string): string {
  return ipaddr.process(address.replace(/%.*$/, '')).toString();
}

/** A name is the same with a dot at its end. */
function nameOf(hostname: string): string {
  return hostname.toLowerCase().replace(/\.$/, '');
}

function forbidden(reason: string): StreampoolError {
  return new StreampoolError('UPSTREAM_ADDRESS_FORBIDDEN', reason);
}
