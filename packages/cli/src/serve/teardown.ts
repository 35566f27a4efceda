import type { Logger } from 'pino';

interface Step {
  readonly name: string;
  readonly close: () => Promise<unknown>;
}

/** What has to be closed, in the reverse order of how it was opened. A step that fails does not keep the others from closing. */
export class Teardown {
  readonly #steps: Step[] = [];
  readonly #log: Logger;
  #running: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(name: string, close: () => Promise<unknown>): void {
    this.#steps.push({ name, close });
  }

  /** Idempotent. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    for (const { name, close } of this.#steps.reverse()) {
      try {
        await close();
        this.#log.debug({ part: name }, 'closed');
      } catch (error) {
        this.#log.error({ part: name, err: error }, 'could not be closed properly');
      }
    }
  }
}
