import type { Logger } from 'pino';
import { pause } from './pause.ts';

export interface LeavingOptions {
  /** How long load balancers and players get to notice; 0 for no notice. */
  readonly noticeMs: number;
  /** From then on nobody new is let in, and probes are told. */
  readonly announce: () => void;
  /** Whether somebody else could serve those who come now. Absent: nobody knows, and the notice is given. */
  readonly hasSuccessor?: () => Promise<boolean>;
  readonly log: Logger;
  /** Resolves after that many ms, or when the signal is aborted; never rejects. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Monotonic, ms. */
  readonly now?: () => number;
}

/** All gateways of a cluster that is stopped as a whole find out within this time that none stays; ms. */
const LOOK_EVERY_MS = 500;

/**
 * The time between "this server will end" and its end: it serves on whom it has, lets nobody new in, and says so to probes, so that a
 * load balancer has sent everybody elsewhere before sockets are closed, and players that come back do not come back here.
 */
export class Leaving {
  readonly #options: LeavingOptions;

  constructor(options: LeavingOptions) {
    this.#options = options;
  }

  /** Resolves when the notice has been long enough, nobody is left to take over, or the signal is aborted. Never rejects. */
  async giveNotice(signal: AbortSignal): Promise<void> {
    const {
      noticeMs,
      announce,
      hasSuccessor,
      log,
      sleep = pause,
      now = () => performance.now(),
    } = this.#options;
    announce();
    if (noticeMs === 0 || signal.aborted) return;
    log.info({ noticeMs }, 'giving notice before viewers are let go');
    const endMs = now() + noticeMs;
    const over = new AbortController();
    const watched =
      hasSuccessor && this.#untilAlone(hasSuccessor, AbortSignal.any([signal, over.signal]), sleep);
    await Promise.race([sleep(Math.max(0, endMs - now()), signal), ...(watched ? [watched] : [])]);
    over.abort();
  }

  /** A question that fails (the state is away) says nothing. */
  async #untilAlone(
    hasSuccessor: () => Promise<boolean>,
    signal: AbortSignal,
    sleep: (ms: number, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    while (!signal.aborted) {
      const isAlone = await hasSuccessor().then(
        (has) => !has,
        () => false,
      );
      if (isAlone && !signal.aborted) this.#options.log.info('nobody else could serve: no further notice');
      if (isAlone) return;
      await sleep(LOOK_EVERY_MS, signal);
    }
  }
}
