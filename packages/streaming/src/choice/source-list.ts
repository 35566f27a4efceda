import { createHash } from 'node:crypto';
import type { UpstreamTarget } from '@streampool/upstream';
import type { Resolved } from './source-choice.ts';

/** Sources that were named later are kept up to this many; then the oldest makes way. */
const MOST_NAMED = 8;

/** The sources of one stream by their index: the primary, the failover URLs, and those that were named later. */
export class SourceList {
  readonly #targets: UpstreamTarget[];
  readonly #configured: number;
  #named = 0;

  constructor(targets: readonly UpstreamTarget[]) {
    this.#targets = [...targets];
    this.#configured = targets.length;
  }

  at(index: number): UpstreamTarget {
    const target = this.#targets[index] ?? this.#targets[0];
    if (!target) throw new Error('a stream without a source');
    return target;
  }

  keyOf(index: number): string {
    return keyOf(this.at(index));
  }

  /** Of a source that was named later. */
  namedUrl(index: number): string | undefined {
    return index < this.#configured ? undefined : this.#targets[index]?.url;
  }

  /** `spare`: the index that must not come to mean something else, since it plays. */
  put(url: string, spare: number): Resolved {
    // What plays may be of an earlier definition, and its index one that was passed over here.
    const known = this.#targets.findIndex((target?: UpstreamTarget) => target?.url === url);
    if (known >= 0) return { index: known, isNew: false };
    let index = this.#configured + (this.#named++ % MOST_NAMED);
    if (index === spare) index = this.#configured + (this.#named++ % MOST_NAMED);
    this.#targets[index] = { ...this.at(0), url };
    return { index, isNew: true };
  }
}

/** Names a source to others without its credentials. What is asked for in another way may be answered in another way. */
export function keyOf({ url, userAgent, headers }: UpstreamTarget): string {
  const how = [url, userAgent ?? '', Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1))];
  return createHash('sha256').update(JSON.stringify(how)).digest('hex').slice(0, 32);
}
