/**
 * Cuts a byte stream of text into lines. A line longer than `maxBytes` is cut there and its rest dropped, so that a
 * child writing without newlines cannot grow our memory. Carriage returns end lines too (FFmpeg rewrites its status so).
 */
export class LineSplitter {
  #pending = '';
  #overflowed = false;
  readonly #maxLength: number;
  readonly #line: (line: string) => void;

  constructor(maxLength: number, line: (line: string) => void) {
    this.#maxLength = maxLength;
    this.#line = line;
  }

  push(chunk: Buffer): void {
    // latin1 would be cheaper, but titles and file names in messages are UTF-8; a character cut in two at a chunk's
    // edge shows as a replacement character, which is harmless in a log.
    const parts = chunk.toString('utf8').split(/[\r\n]/);
    for (const [index, part] of parts.entries()) {
      if (index > 0) this.flush();
      this.#append(part);
    }
  }

  /** Gives out what has no line end yet. */
  flush(): void {
    const line = this.#pending;
    this.#pending = '';
    const overflowed = this.#overflowed;
    this.#overflowed = false;
    if (line.trim() !== '') this.#line(overflowed ? `${line}…` : line);
  }

  #append(part: string): void {
    const room = this.#maxLength - this.#pending.length;
    if (part.length > room) this.#overflowed = true;
    if (room > 0) this.#pending += part.slice(0, room);
  }
}
