import type { UpstreamStats } from '../types.ts';

/** Counts the connections of one client, by host. */
export class ConnectionCounters {
  readonly #byHost = new Map<string, number>();
  #open = 0;
  #total = 0;
  #bytes = 0;

  opened(host: string): void {
    this.#open++;
    this.#total++;
    this.#byHost.set(host, (this.#byHost.get(host) ?? 0) + 1);
  }

  closed(host: string): void {
    this.#open--;
    const left = (this.#byHost.get(host) ?? 1) - 1;
    if (left > 0) this.#byHost.set(host, left);
    else this.#byHost.delete(host);
  }

  read(bytes: number): void {
    this.#bytes += bytes;
  }

  stats(): Omit<UpstreamStats, 'heldBytes'> {
    return {
      openConnections: this.#open,
      connectionsByHost: Object.fromEntries(this.#byHost),
      totalConnections: this.#total,
      totalBytes: this.#bytes,
    };
  }
}
