import type { EventFeed } from '@streampool/events';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Meter } from './duration-histogram.ts';

/** Who listens to events at this node. Looked up at a scrape. */
export class EventMeter implements Meter {
  readonly #listeners: () => number;
  readonly #feed: Pick<EventFeed, 'figures'>;

  constructor(listeners: () => number, feed: Pick<EventFeed, 'figures'>) {
    this.#listeners = listeners;
    this.#feed = feed;
  }

  register(registry: Registry): void {
    const listeners = this.#listeners;
    const feed = this.#feed;
    const registers = [registry];
    new Gauge({
      name: 'streampool_event_listeners',
      help: 'Listeners to /events at this node.',
      registers,
      collect() {
        this.set(listeners());
      },
    });
    new Counter({
      name: 'streampool_event_listeners_dropped_total',
      help: 'Listeners to /events that were too slow.',
      registers,
      collect() {
        this.reset();
        this.inc(feed.figures().dropped);
      },
    });
  }
}
