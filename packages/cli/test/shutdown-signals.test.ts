import { EventEmitter } from 'node:events';
import { onShutdownSignal, SAME_SIGNAL_MS } from '../src/serve/shutdown-signals.ts';

function listening(hurry?: () => boolean) {
  const signals = new EventEmitter();
  const calls: string[] = [];
  let nowMs = 1_000;
  const stop = onShutdownSignal(
    {
      stop: (reason) => calls.push(`stop: ${reason}`),
      stopNow: (code) => calls.push(`now: ${code}`),
      ...(hurry && { hurry }),
    },
    { signals, env: {}, now: () => nowMs },
  );
  return {
    calls,
    signals,
    stop,
    after: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('the first signal asks for an orderly stop, a later one ends at once', () => {
  const { calls, signals, after } = listening();
  signals.emit('SIGTERM');
  after(SAME_SIGNAL_MS + 1);
  signals.emit('SIGINT');
  expect(calls).toEqual(['stop: SIGTERM', 'now: 130']);
});

test('the same Ctrl-C that arrives twice, from the terminal and from a wrapper, is one', () => {
  const { calls, signals, after } = listening();
  signals.emit('SIGINT');
  after(SAME_SIGNAL_MS);
  signals.emit('SIGINT');
  expect(calls).toEqual(['stop: SIGINT']);
  after(1);
  signals.emit('SIGINT');
  expect(calls).toEqual(['stop: SIGINT', 'now: 130']);
});

test('what can be hurried is hurried first; the same signal twice is still one', () => {
  let canHurry = 1;
  const { calls, signals, after } = listening(() => canHurry-- > 0);
  signals.emit('SIGTERM');
  after(SAME_SIGNAL_MS + 1);
  signals.emit('SIGTERM');
  after(SAME_SIGNAL_MS);
  signals.emit('SIGTERM');
  expect(calls).toEqual(['stop: SIGTERM']);
  after(SAME_SIGNAL_MS + 1);
  signals.emit('SIGTERM');
  expect(calls).toEqual(['stop: SIGTERM', 'now: 143']);
});

test('afterwards nobody listens', () => {
  const { signals, stop } = listening();
  stop();
  expect(signals.eventNames()).toEqual([]);
});
