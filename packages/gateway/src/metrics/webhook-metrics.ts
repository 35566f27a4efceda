import { Gauge, type Registry } from 'prom-client';
import { DurationHistogram, type Meter } from './duration-histogram.ts';

/** What a process that serves webhooks knows at a scrape. */
export interface WebhookFigures {
  readonly dispatching: boolean;
  readonly lagMs: number;
  readonly running: number;
  readonly waiting: number;
}

const OUTCOMES = ['delivered', 'retried', 'dead', 'gone'];

/** What becomes of what webhooks are told by this process. */
export class WebhookMeter implements Meter {
  readonly #attempts = new DurationHistogram({
    name: 'streampool_webhook_attempt_duration_seconds',
    help: 'Attempts of this process to tell a webhook something, by what became of it.',
    labelNames: ['outcome'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30],
  });
  #figures: () => WebhookFigures | undefined = () => undefined;

  /** An attempt has ended: `delivered`, `retried`, `dead` or `gone`. */
  readonly observe = (outcome: string, ms: number): void => this.#attempts.of(outcome)(ms);

  /** Whom to ask at a scrape, where webhooks are served. */
  watch(figures: () => WebhookFigures): void {
    // A counter that appears with its first event has not increased: the first dead letter would alert nobody.
    for (const outcome of OUTCOMES) this.#attempts.of(outcome);
    this.#figures = figures;
  }

  register(registry: Registry): void {
    this.#attempts.register(registry);
    const gauge = (name: string, help: string, value: (figures: WebhookFigures) => number): void => {
      const figures = (): WebhookFigures | undefined => this.#figures();
      new Gauge({
        ...{ name, help, registers: [registry] },
        collect() {
          const now = figures();
          if (now) this.set(value(now));
        },
      });
    };
    gauge(
      'streampool_webhook_dispatching',
      '1 at the process that hands events to webhooks for the whole cluster, else 0.',
      ({ dispatching }) => Number(dispatching),
    );
    gauge(
      'streampool_webhook_lag_seconds',
      'How long after it happened the newest event was handed to webhooks.',
      ({ lagMs }) => lagMs / 1000,
    );
    gauge('streampool_webhook_running', 'Deliveries under way at this process.', ({ running }) => running);
    gauge(
      'streampool_webhook_waiting',
      'Deliveries that wait: in this process, or in the cluster’s queue as it was when this process last added to it.',
      ({ waiting }) => waiting,
    );
  }
}
