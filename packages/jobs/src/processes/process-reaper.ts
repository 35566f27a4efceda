import type { ClusterState, OrphanProcess } from '@streampool/state';
import type { Logger } from 'pino';
import { systemTimers, type Timers } from '../scheduler/timers.ts';
import { killProcess } from './kill-process.ts';
import { planKills } from './plan-kills.ts';
import { lookUpProcess } from './process-table.ts';

export interface ProcessReaperOptions {
  readonly state: ClusterState;
  /** This host, as its workers call it. */
  readonly host: string;
  readonly log: Logger;
  /** How long an owner that still lives may take to end its FFmpeg itself, in ms. */
  readonly graceMs?: number;
  readonly spare?: (pid: number) => boolean;
  readonly timers?: Timers;
}

/** Ends the FFmpeg processes of this host whose owners lost their streams. Runs on every host: pids mean nothing elsewhere. */
export class ProcessReaper {
  readonly #options: ProcessReaperOptions;
  readonly #timers: Timers;
  /** When each orphan was first seen here, by pid and start. */
  #known = new Map<string, number>();
  #killed = 0;

  constructor(options: ProcessReaperOptions) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  /** Processes ended so far. */
  get killed(): number {
    return this.#killed;
  }

  /** One look. Resolves with the number of processes it ended. @throws StreampoolError STATE_UNAVAILABLE */
  async run(signal?: AbortSignal): Promise<number> {
    const { state, host, log, graceMs = 10_000, spare } = this.#options;
    const orphans = await state.orphanProcesses(host);
    this.#know(orphans);
    const actions = planKills(orphans, {
      lookUp: lookUpProcess,
      knownForMs: (orphan) => this.#timers.now() - (this.#known.get(keyOf(orphan)) ?? this.#timers.now()),
      graceMs,
      ...(spare && { spare }),
    });
    const done: number[] = [];
    let killed = 0;
    for (const action of actions) {
      if (signal?.aborted) break;
      if (action.type === 'forget') {
        done.push(action.pid);
        continue;
      }
      const { orphan, process } = action;
      const { pid, streamId, owner } = orphan;
      log.warn({ pid, streamId, owner }, 'ending an FFmpeg that outlived its ownership');
      const gone = await killProcess(process, { timers: this.#timers, ...(signal && { signal }) });
      if (gone) {
        killed += 1;
        done.push(pid);
      } else log.error({ pid, streamId, owner }, 'the FFmpeg could not be ended');
    }
    this.#killed += killed;
    if (done.length > 0) await state.forgetProcesses(host, done);
    return killed;
  }

  #know(orphans: readonly OrphanProcess[]): void {
    const now = this.#timers.now();
    this.#known = new Map(
      orphans.map((orphan) => [keyOf(orphan), this.#known.get(keyOf(orphan)) ?? now] as const),
    );
  }
}

function keyOf({ pid, startTicks }: OrphanProcess): string {
  return `${pid}/${startTicks}`;
}
