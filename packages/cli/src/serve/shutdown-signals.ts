import { Socket } from 'node:net';
import { constants } from 'node:os';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** A terminal sends Ctrl-C to the whole group, and a wrapper passes it on as well: within this time it is the same one. */
export const SAME_SIGNAL_MS = 300;

export interface ShutdownHandlers {
  /** Called once. */
  readonly stop: (reason: string) => void;
  /** Somebody insists, and an orderly stop can be made quicker than it is. True: that was done; the next one ends at once. */
  readonly hurry?: () => boolean;
  /** Somebody insists. */
  readonly stopNow: (exitCode: number) => void;
}

/** Where signals and settings come from; the process itself but for tests. */
export interface SignalSource {
  readonly signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
  readonly env: NodeJS.ProcessEnv;
  /** Monotonic ms. */
  readonly now: () => number;
}

const THIS_PROCESS: SignalSource = { signals: process, env: process.env, now: () => performance.now() };

/** Listens for what ends a server: signals, and the end of the process that started it where that asks for it. */
export function onShutdownSignal(handlers: ShutdownHandlers, source = THIS_PROCESS): () => void {
  const { signals, env, now } = source;
  let heardMs: number | undefined;
  const ask = (reason: string, exitCode: number): void => {
    if (heardMs === undefined) {
      heardMs = now();
      handlers.stop(reason);
    } else if (now() - heardMs > SAME_SIGNAL_MS) {
      if (handlers.hurry?.()) heardMs = now();
      else handlers.stopNow(exitCode);
    }
  };
  const listeners = SIGNALS.map((signal) => {
    const listener = (): void => ask(signal, 128 + constants.signals[signal]);
    signals.on(signal, listener);
    return () => signals.off(signal, listener);
  });
  const lifeline = watchLifeline(env, () => ask('the process that started it has ended', 1));
  return () => {
    for (const remove of listeners) remove();
    lifeline?.destroy();
  };
}

/**
 * `STREAMPOOL_LIFELINE_FD` names a descriptor whose other end is held by the wrapper that could not become this process
 * (see bin/streampool). It closes when the wrapper dies, however that happens.
 */
function watchLifeline(env: NodeJS.ProcessEnv, onEnd: () => void): Socket | undefined {
  const fd = Number(env.STREAMPOOL_LIFELINE_FD);
  // Not for the programs that this one starts.
  delete env.STREAMPOOL_LIFELINE_FD;
  if (!Number.isInteger(fd) || fd < 3) return undefined;
  const socket = new Socket({ fd, readable: true, writable: false });
  socket.unref();
  socket.on('error', () => {});
  socket.once('close', onEnd);
  socket.resume();
  return socket;
}
