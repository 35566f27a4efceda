/** What a screen is drawn on; a terminal but for tests. */
export interface ScreenDevice {
  write(text: string): unknown;
  /** Undefined where nobody knows. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

const ESC = '\x1b[';
/** The terminal's second page, so that what was there before comes back; no cursor, and no line wraps into the next. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l`;
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}?1049l`;
/** Terminals that know it show a frame only when all of it has come; others ignore it. */
const [HOLD, SHOW] = [`${ESC}?2026h`, `${ESC}?2026l`];
const HOME = `${ESC}H`;
const REST_OF_LINE = `${ESC}K`;
const REST_OF_SCREEN = `${ESC}J`;

/**
 * Text that is drawn over itself. Each frame is one write that overwrites the one before without clearing it first:
 * nothing flickers. `close` gives the terminal back as it was.
 */
export class Screen {
  readonly #device: ScreenDevice;
  #isOpen = false;

  constructor(device: ScreenDevice) {
    this.#device = device;
  }

  /** Draws the lines that fit; the last line of a frame that is too high says how many more there are. */
  draw(text: string): void {
    const lines = this.#fitting(text.split('\n'));
    const frame = lines.map((line) => line + REST_OF_LINE).join('\r\n');
    this.#device.write(`${this.#isOpen ? '' : ENTER}${HOLD}${HOME}${frame}${REST_OF_SCREEN}${SHOW}`);
    this.#isOpen = true;
  }

  /** Idempotent. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#device.write(LEAVE);
  }

  #fitting(lines: readonly string[]): readonly string[] {
    const rows = this.#device.rows ?? Number.POSITIVE_INFINITY;
    if (lines.length <= rows) return lines;
    const shown = Math.max(0, rows - 1);
    return [...lines.slice(0, shown), `… and ${lines.length - shown} more lines`];
  }
}
