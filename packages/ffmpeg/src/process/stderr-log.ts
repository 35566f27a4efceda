import { LineSplitter } from '@streampool/processes';
import { redactText } from '@streampool/redaction';

const MAX_LINES = 100;
const MAX_LINE_LENGTH = 400;
/** A damaged picture makes a handful of messages that come again with the next one, in the same order. */
const REPEAT_WINDOW = 12;

export type LogLevel = 'panic' | 'fatal' | 'error' | 'warning' | 'info';

export interface LogLine {
  readonly level: LogLevel;
  /** Without FFmpeg's prefix (`[h264 @ 0x…] [error]`), and without credentials. */
  readonly text: string;
}

const PREFIX = /^\s*(?:\[[^\]]* @ 0x[0-9a-f]+\]\s*)*\[(panic|fatal|error|warning|info|verbose|debug)\]\s*/;

/** Splits what `-loglevel level+…` prints into level and text. A line without a level counts as info. */
export function parseLogLine(line: string): LogLine {
  const prefix = PREFIX.exec(line);
  if (!prefix) return { level: /\berror\b/i.test(line) ? 'error' : 'info', text: line.trim() };
  const level = prefix[1] === 'verbose' || prefix[1] === 'debug' ? 'info' : (prefix[1] as LogLevel);
  return { level, text: line.slice(prefix[0].length).trim() };
}

/**
 * The last lines FFmpeg wrote to stderr: at most 100 lines of at most 400 characters, whatever it writes.
 * Repeated lines are counted instead of kept: a broken source repeats one message thousands of times and would
 * push out the one that explains it.
 */
export class StderrLog {
  readonly #lines: (LogLine & { times: number })[] = [];
  readonly #splitter: LineSplitter;
  readonly #onLine: ((line: LogLine) => void) | undefined;

  /** @param onLine called for every line that does not repeat one of those before */
  constructor(onLine?: (line: LogLine) => void) {
    this.#onLine = onLine;
    this.#splitter = new LineSplitter(MAX_LINE_LENGTH, (line) => this.#add(line));
  }

  push(chunk: Buffer): void {
    this.#splitter.push(chunk);
  }

  /** To be called when stderr has ended: the last line may have no newline. */
  end(): void {
    this.#splitter.flush();
  }

  /** Oldest first. */
  lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** Oldest first, as an operator would read them. */
  tail(): string[] {
    return this.#lines.map(
      ({ level, text, times }) => `[${level}] ${text}${times > 1 ? ` (${times} times)` : ''}`,
    );
  }

  #add(raw: string): void {
    const { level, text } = parseLogLine(redactText(raw));
    if (text === '') return;
    const known = this.#lines.slice(-REPEAT_WINDOW).find((line) => line.text === text);
    if (known) {
      known.times += 1;
      return;
    }
    this.#lines.push({ level, text, times: 1 });
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
    this.#onLine?.({ level, text });
  }
}
