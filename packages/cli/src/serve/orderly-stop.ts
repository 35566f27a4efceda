import type { Logger } from 'pino';
import type { RunningServer } from './serve.ts';

export interface OrderlyStopOptions {
  readonly starting: Promise<Pick<RunningServer, 'close' | 'leave'>>;
  /** Nobody waits impatiently: others are told first. */
  readonly givesNotice: boolean;
  /** The longest that closing may take, ms; the notice before it has a length of its own. */
  readonly deadlineMs: number;
  readonly exit: (code: number) => void;
  readonly log: Logger;
}

/** The way from a signal to the end: a notice, then closing, within a deadline. Begins at once. */
export class OrderlyStop {
  readonly #options: OrderlyStopOptions;
  readonly #skipNotice = new AbortController();
  #isGivingNotice = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(options: OrderlyStopOptions) {
    this.#options = options;
    const { exit } = options;
    this.#run()
      .then(
        () => exit(0),
        () => exit(1),
      )
      .finally(() => clearTimeout(this.#deadline));
  }

  /** Ends the notice. False if there is nothing to make quicker. */
  hurry(): boolean {
    if (!this.#isGivingNotice) return false;
    this.#isGivingNotice = false;
    this.#skipNotice.abort();
    return true;
  }

  async #run(): Promise<void> {
    const { starting, givesNotice } = this.#options;
    this.#armDeadline();
    const server = await starting;
    if (givesNotice && server.leave) {
      clearTimeout(this.#deadline);
      this.#isGivingNotice = true;
      await server.leave(this.#skipNotice.signal);
      this.#isGivingNotice = false;
      this.#armDeadline();
    }
    await server.close();
  }

  #armDeadline(): void {
    const { deadlineMs, exit, log } = this.#options;
    this.#deadline = setTimeout(() => {
      log.error({ deadlineMs }, 'not everything ended in time: ending all the same');
      exit(1);
    }, deadlineMs);
  }
}
