import { ApiClient, CommandProblem } from '../src/api/client.ts';
import type { Ask, Report } from '../src/commands/reports.ts';
import { type Surroundings, watch } from '../src/commands/watch.ts';

const API = new ApiClient('http://127.0.0.1:1', undefined);

/** A terminal or pipe in the test's hands: its time passes only while the command sleeps. */
class Stand {
  readonly written: string[] = [];
  readonly slept: number[] = [];
  readonly controller = new AbortController();
  readonly surroundings: Surroundings;
  onSleep: (times: number) => void = () => {};
  resize: () => void = () => {};
  #nowMs = Date.UTC(2030, 0, 1);

  constructor(terminal?: { columns: number; rows: number }) {
    this.surroundings = {
      output: {
        write: (text) => this.written.push(text),
        isTTY: terminal !== undefined,
        ...terminal,
        on: (_event, listener) => {
          this.resize = listener;
        },
      },
      signal: this.controller.signal,
      now: () => this.#nowMs,
      sleep: async (ms) => {
        this.slept.push(ms);
        this.#nowMs += ms;
        this.onSleep(this.slept.length);
      },
    };
  }

  passes(ms: number): void {
    this.#nowMs += ms;
  }
}

/** Answers with one text after the other; the last one again and again. */
function answering(...texts: string[]): Ask & { asked: number } {
  const ask = async (): Promise<Report> => {
    const text = texts[Math.min(ask.asked, texts.length - 1)]!;
    ask.asked += 1;
    if (text === 'AWAY') throw new CommandProblem('No answer from there.', 'NO_ANSWER');
    return { answer: { text }, text: (width) => `${text} at ${width}` };
  };
  ask.asked = 0;
  return ask;
}

test('on a terminal each answer is drawn over the one before, and the terminal is given back', async () => {
  const stand = new Stand({ columns: 40, rows: 10 });
  stand.onSleep = (times) => {
    if (times === 2) stand.controller.abort();
  };
  await watch(answering('one\ntwo', 'three'), API, { watch: '1' }, stand.surroundings);
  const [first, second, leave, last] = stand.written;
  expect(stand.written).toHaveLength(4);
  // The other page, without a cursor and without wrapping, and one frame from the first line on.
  expect(first!.startsWith('\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2026h\x1b[H2030-01-01 00:00:00')).toBe(true);
  expect(first).toContain('one\x1b[K\r\ntwo at 40\x1b[K');
  expect(second!.startsWith('\x1b[?2026h\x1b[H2030-01-01 00:00:01')).toBe(true);
  expect(second!.endsWith('three at 40\x1b[K\x1b[J\x1b[?2026l')).toBe(true);
  // Nothing is cleared before it is drawn over: that would flicker.
  expect(second).not.toContain('\x1b[2J');
  expect(leave).toBe('\x1b[?7h\x1b[?25h\x1b[?1049l');
  expect(last).toBe('2030-01-01 00:00:01 UTC, every 1 s\n\nthree at 40\n');
});

test('a frame that is too high ends with how much is missing; a new size is drawn at once', async () => {
  const terminal = { columns: 40, rows: 4 };
  const stand = new Stand(terminal);
  stand.onSleep = () => {
    (stand.surroundings.output as { columns: number }).columns = 20;
    stand.resize();
    stand.controller.abort();
    stand.resize();
  };
  await watch(answering('a\nb\nc\nd'), API, { watch: true }, stand.surroundings);
  expect(stand.written[0]).toContain('a\x1b[K\r\n… and 3 more lines\x1b[K');
  expect(stand.written.filter((text) => text.includes('\x1b[H'))).toHaveLength(2);
  expect(stand.written.at(-1)).toContain('d at 20');
});

test('elsewhere blocks follow one another in full width, every two seconds', async () => {
  const stand = new Stand();
  stand.onSleep = (times) => {
    if (times === 2) stand.controller.abort();
  };
  await watch(answering('one', 'two'), API, { watch: true }, stand.surroundings);
  expect(stand.written).toEqual([
    '2030-01-01 00:00:00 UTC, every 2 s\n\none at undefined\n',
    '\n2030-01-01 00:00:02 UTC, every 2 s\n\ntwo at undefined\n',
  ]);
  expect(stand.slept).toEqual([2_000, 2_000]);
});

test('with --json one line each time, on a terminal too; what asking took is no pause', async () => {
  const stand = new Stand({ columns: 40, rows: 10 });
  const ask = answering('one', 'AWAY', 'two');
  const slow: Ask = async (api) => {
    stand.passes(300);
    return ask(api);
  };
  stand.onSleep = (times) => {
    if (times === 3) stand.controller.abort();
  };
  await watch(slow, API, { watch: '500ms', json: true }, stand.surroundings);
  expect(stand.written).toEqual([
    '{"text":"one"}\n',
    '{"code":"NO_ANSWER","detail":"No answer from there."}\n',
    '{"text":"two"}\n',
  ]);
  expect(stand.slept).toEqual([200, 200, 200]);
});

test('a server that is away is said so and asked again, unless it never answered', async () => {
  const stand = new Stand({ columns: 40, rows: 10 });
  stand.onSleep = (times) => {
    if (times === 3) stand.controller.abort();
  };
  await watch(answering('one', 'AWAY', 'two'), API, { watch: true }, stand.surroundings);
  expect(stand.written[1]).toContain('No answer from there.');
  expect(stand.written[2]).toContain('two');
  const never = new Stand({ columns: 40, rows: 10 });
  await expect(watch(answering('AWAY'), API, { watch: true }, never.surroundings)).rejects.toThrow(
    'No answer',
  );
  expect(never.written).toEqual([]);
});

test('a signal ends it in the middle of a question', async () => {
  const stand = new Stand({ columns: 40, rows: 10 });
  const ask = answering('one');
  const hangs: Ask = async (api) => {
    if (ask.asked === 0) return ask(api);
    stand.controller.abort();
    return new Promise<Report>(() => {});
  };
  await watch(hangs, API, { watch: true }, stand.surroundings);
  expect(stand.written.at(-2)).toContain('\x1b[?25h');
});

test.each(['0.1', '2h', 'often', ''])('--watch %s is refused', async (value) => {
  const { surroundings } = new Stand();
  await expect(watch(answering('one'), API, { watch: value }, surroundings)).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('--watch cannot be'),
  });
});
