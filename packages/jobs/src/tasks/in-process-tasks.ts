import { systemTimers, type Timers } from '../scheduler/timers.ts';
import {
  type Attempt,
  pauseAfter,
  type Task,
  type TaskFigures,
  type TaskHandler,
  type TaskQueue,
} from './task-queue.ts';

export interface InProcessTasksOptions<T> {
  readonly handle: TaskHandler<T>;
  /** Tasks under way at once. */
  readonly concurrency?: number;
  /** ms after that many failures in a row. */
  readonly pauseMs?: (failures: number) => number;
  readonly timers?: Timers;
}

interface Waiting<T> {
  readonly task: Task<T>;
  readonly settled: () => void;
  failures: number;
}

/**
 * The {@link TaskQueue} of one process. It remembers nothing: `add` resolves when its tasks have been done or given up, so that
 * whoever adds them notes only then that they need not be added again. What a closing process leaves undone stays unresolved.
 */
export class InProcessTasks<T> implements TaskQueue<T> {
  readonly #handle: TaskHandler<T>;
  readonly #concurrency: number;
  readonly #pauseMs: (failures: number) => number;
  readonly #timers: Timers;
  readonly #known = new Map<string, Promise<void>>();
  readonly #ready: Waiting<T>[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #pauses = new Set<() => void>();
  readonly #abort = new AbortController();

  constructor(options: InProcessTasksOptions<T>) {
    this.#handle = options.handle;
    this.#concurrency = options.concurrency ?? 32;
    this.#pauseMs = options.pauseMs ?? ((failures) => pauseAfter(failures));
    this.#timers = options.timers ?? systemTimers;
  }

  async add(tasks: readonly Task<T>[]): Promise<void> {
    await Promise.all(tasks.map((task) => this.#addOne(task)));
  }

  figures(): TaskFigures {
    return { running: this.#running.size, waiting: this.#ready.length + this.#pauses.size };
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('the process is closing'));
    for (const cancel of this.#pauses) cancel();
    this.#pauses.clear();
    this.#ready.length = 0;
    await Promise.allSettled(this.#running);
  }

  #addOne(task: Task<T>): Promise<void> {
    const known = this.#known.get(task.id);
    if (known) return known;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#known.set(task.id, promise);
    const settled = (): void => {
      this.#known.delete(task.id);
      resolve();
    };
    this.#ready.push({ task, settled, failures: 0 });
    this.#fill();
    return promise;
  }

  #fill(): void {
    while (this.#running.size < this.#concurrency && !this.#abort.signal.aborted) {
      const next = this.#ready.shift();
      if (!next) return;
      const run = this.#try(next).finally(() => {
        this.#running.delete(run);
        this.#fill();
      });
      this.#running.add(run);
    }
  }

  async #try(waiting: Waiting<T>): Promise<void> {
    const { task } = waiting;
    const { signal } = this.#abort;
    const attempt: Attempt = { attempt: waiting.failures + 1, attempts: task.attempts, signal };
    try {
      await this.#handle(task.data, attempt);
    } catch {
      if (signal.aborted) return;
      waiting.failures += 1;
      if (waiting.failures < task.attempts) {
        this.#later(waiting);
        return;
      }
    }
    waiting.settled();
  }

  #later(waiting: Waiting<T>): void {
    const cancel = this.#timers.after(this.#pauseMs(waiting.failures), () => {
      this.#pauses.delete(cancel);
      this.#ready.push(waiting);
      this.#fill();
    });
    this.#pauses.add(cancel);
  }
}
