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
   * The provider that a stream names, else the one whose host the URL has: with that very port before any port, an exact
   * name before a wildcard, a longer wildcard before a shorter one. Undefined: there is no limit.
   */
  find(url: string, providerId?: string): ProviderRecord | undefined {
    if (this.#byId.size === 0) return undefined;
    const named = providerId === undefined ? undefined : this.#byId.get(providerId);
    if (named) return named;
    if (!URL.canParse(url)) return undefined;
    const { hostname, port, protocol } = new URL(url);
    const ports = [`:${port || (protocol === 'https:' ? '443' : '80')}`, ''];
    for (const name of namesOf(hostname)) {
      for (const suffix of ports) {
        const provider = this.#byHost.get(name + suffix);
        if (provider) return provider;
      }
    }
    return undefined;
  }
}

/** `a.b.c`, then `*.b.c`, then `*.c`. */
function* namesOf(hostname: string): Generator<string> {
  yield hostname;
  for (let dot = hostname.indexOf('.'); dot >= 0; dot = hostname.indexOf('.', dot + 1)) {
    yield `*${hostname.slice(dot)}`;
  }
}
