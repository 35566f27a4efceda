import { type LookupAddress, lookup, Resolver } from 'node:dns';
import { readFile } from 'node:fs/promises';

export interface FreshNamesOptions {
  /** What the system says, with its caches and its hosts file. */
  readonly lookup?: typeof lookup;
  /** Asks the name servers themselves. Rejects where there is no answer. */
  readonly ask?: (hostname: string, family: 4 | 6) => Promise<string[]>;
  readonly hostsFile?: string;
}

/** How long the name servers may take; then what the system says has to do: a viewer is waiting for pictures. */
const ASK_MS = 200;
/** The most hosts whose last address is remembered. */
const MOST_HOSTS = 1_000;

/**
 * Resolves the name of a host whose connection has just been cut. The system's answer may come from a cache (nscd,
 * systemd-resolved) that is older than the provider's move, so the name servers are asked beside it. The address that was
 * cut comes last: another one of a balanced name is the better bet. Names of the hosts file are left to the system.
 */
export class FreshNames {
  readonly #lookup: typeof lookup;
  readonly #ask: (hostname: string, family: 4 | 6) => Promise<string[]>;
  readonly #hostsFile: string;
  readonly #lastAddress = new Map<string, string>();

  constructor(options: FreshNamesOptions = {}) {
    this.#lookup = options.lookup ?? lookup;
    this.#ask = options.ask ?? askNameServers;
    this.#hostsFile = options.hostsFile ?? '/etc/hosts';
  }

  /** A connection to that host stands. */
  connected(hostname: string, address: string | undefined): void {
    if (address === undefined || address === hostname) return;
    this.#lastAddress.delete(hostname);
    this.#lastAddress.set(hostname, address);
    const [oldest] = this.#lastAddress.keys();
    if (this.#lastAddress.size > MOST_HOSTS && oldest !== undefined) this.#lastAddress.delete(oldest);
  }

  /** In the place of `dns.lookup` with `all`. */
  readonly lookup = ((
    hostname: string,
    options: { family?: number | 'IPv4' | 'IPv6' },
    callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
  ): void => {
    const asked = this.#askAll(hostname, options.family);
    this.#lookup(hostname, { ...options, all: true }, (error, known) => {
      void asked.then((fresh) => {
        const all = [...fresh, ...(error ? [] : known)];
        if (all.length === 0) callback(error, []);
        else callback(null, this.#inOrder(hostname, all));
      });
    });
  }) as typeof lookup;

  #inOrder(hostname: string, all: LookupAddress[]): LookupAddress[] {
    const last = this.#lastAddress.get(hostname);
    const once = [...new Map(all.map((entry) => [entry.address, entry])).values()];
    return [
      ...once.filter(({ address }) => address !== last),
      ...once.filter(({ address }) => address === last),
    ];
  }

  async #askAll(hostname: string, family: number | 'IPv4' | 'IPv6' | undefined): Promise<LookupAddress[]> {
    // One label, or of the local network: not what name servers know.
    if (!hostname.includes('.') || hostname.endsWith('.local') || (await this.#isInHostsFile(hostname)))
      return [];
    const families = ([4, 6] as const).filter((one) => !family || family === one || family === `IPv${one}`);
    const answers = families.map(async (one) =>
      (await this.#ask(hostname, one).catch(() => [])).map((address) => ({ address, family: one })),
    );
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<LookupAddress[]>((resolve) => {
      timer = setTimeout(() => resolve([]), ASK_MS);
    });
    const answer = await Promise.race([Promise.all(answers).then((all) => all.flat()), deadline]);
    clearTimeout(timer);
    return answer;
  }

  async #isInHostsFile(hostname: string): Promise<boolean> {
    const text = await readFile(this.#hostsFile, 'utf8').catch(() => '');
    const name = hostname.toLowerCase();
    return text.split('\n').some((line) => {
      const [, ...names] = line.replace(/#.*$/, '').trim().toLowerCase().split(/\s+/);
      return names.includes(name);
    });
  }
}

async function askNameServers(hostname: string, family: 4 | 6): Promise<string[]> {
  const resolver = new Resolver({ timeout: ASK_MS, tries: 1 });
  return new Promise((resolve, reject) => {
    const take = (error: Error | null, addresses: string[]): void =>
      error ? reject(error) : resolve(addresses);
    if (family === 4) resolver.resolve4(hostname, take);
    else resolver.resolve6(hostname, take);
  });
}
