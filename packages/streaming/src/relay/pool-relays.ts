import type { DeliveryClock } from '../delivery-clock.ts';
import type { SocketViewer } from '../socket-viewer.ts';
import { RelayFeed, type RelayFeedOptions, type RelayRequest } from './relay-feed.ts';
import type { LastWord } from './relay-signal.ts';

export interface PoolRelaysOptions extends Omit<RelayFeedOptions, 'request' | 'onLeave'> {
  readonly delivery: DeliveryClock;
  /** One has left. */
  readonly onLeave: () => void;
}

/** The other nodes that play from one pool: no viewers, but the pool runs as long as they are there. */
export class PoolRelays {
  readonly #options: PoolRelaysOptions;
  readonly #feeds = new Set<RelayFeed>();
  #bytesOfFormer = 0;

  constructor(options: PoolRelaysOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#feeds.size;
  }

  get socketViewers(): SocketViewer[] {
    return [...this.#feeds].map((feed) => feed.socketViewer);
  }

  /** Sent to all, also to those who have left. */
  get bytes(): number {
    let sum = this.#bytesOfFormer;
    for (const feed of this.#feeds) sum += feed.bytes;
    return sum;
  }

  /** Answers the node. False if it has gone. The ring must have an access point. */
  add(request: RelayRequest): boolean {
    const { delivery, onLeave, now } = this.#options;
    const feed: RelayFeed | undefined = RelayFeed.open({
      ...this.#options,
      request,
      onLeave: () => {
        if (feed && this.#forget(feed)) onLeave();
      },
    });
    if (!feed) return false;
    this.#feeds.add(feed);
    feed.deliver(now());
    if (this.#feeds.has(feed)) delivery.add(feed);
    return true;
  }

  /** Tells all that they shall change over to another owner. */
  move(): void {
    for (const feed of this.#feeds) feed.move();
  }

  /** No more is to come: all get what is there, or where `atOnce` only what they have, and are told why. */
  end(word: LastWord, { atOnce }: { atOnce: boolean }): void {
    const { delivery, now } = this.#options;
    for (const feed of [...this.#feeds]) {
      this.#forget(feed);
      if (atOnce) {
        feed.deliver(now());
        feed.end(word);
        continue;
      }
      delivery.add(feed);
      feed.finish(word, now(), () => delivery.remove(feed));
    }
  }

  #forget(feed: RelayFeed): boolean {
    if (!this.#feeds.delete(feed)) return false;
    this.#options.delivery.remove(feed);
    this.#bytesOfFormer += feed.bytes;
    return true;
  }
}
