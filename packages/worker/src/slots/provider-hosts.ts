import type { ProviderRecord } from '@streampool/state';

/** Which provider a URL belongs to. */
export class ProviderHosts {
  readonly #byId = new Map<string, ProviderRecord>();
  readonly #byHost = new Map<string, ProviderRecord>();

  constructor(providers: readonly ProviderRecord[]) {
    // The first of two that claim the same host has it, whatever order they come in.
    for (const provider of [...providers].sort((a, b) => (a.id < b.id ? 1 : -1))) {
      this.#byId.set(provider.id, provider);
      for (const host of provider.hosts) this.#byHost.set(host.toLowerCase(), provider);
    }
  }

  /**
   * The provider whose host the URL has: with that very port before any port, an exact name before a wildcard, a longer
   * wildcard before a shorter one. The one that a stream names goes before it (two accounts may have one host), unless the
   * URL, a failover to somewhere else, is none of its hosts' but another provider's. Undefined: there is no limit.
   */
  find(url: string, providerId?: string): ProviderRecord | undefined {
    if (this.#byId.size === 0) return undefined;
    const named = providerId === undefined ? undefined : this.#byId.get(providerId);
    const names = URL.canParse(url) ? [...namesOf(new URL(url))] : [];
    if (named && (named.hosts.length === 0 || named.hosts.some((host) => names.includes(host.toLowerCase()))))
      return named;
    for (const name of names) {
      const provider = this.#byHost.get(name);
      if (provider) return provider;
    }
    return named;
  }
}

/** `a.b.c:80`, `a.b.c`, then `*.b.c:80`, `*.b.c`, `*.c:80`, `*.c`. */
function* namesOf({ hostname, port, protocol }: URL): Generator<string> {
  const suffix = `:${port || (protocol === 'https:' ? '443' : '80')}`;
  yield* [hostname + suffix, hostname];
  for (let dot = hostname.indexOf('.'); dot >= 0; dot = hostname.indexOf('.', dot + 1)) {
    const name = `*${hostname.slice(dot)}`;
    yield* [name + suffix, name];
  }
}
