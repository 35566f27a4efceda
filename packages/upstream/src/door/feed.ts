import type { Socket } from 'node:net';

export interface FeedOptions {
  /** The most bytes held for the reader. 8 MB by default. */
  readonly budgetBytes?: number;
  /** Called when a refused write may be tried again. */
  readonly onRoom?: () => void;
  /** The reader came, or went. */
  readonly onReader?: (state: 'attached' | 'left') => void;
}

const DEFAULT_BUDGET = 8 * 1024 * 1024;

/** Bytes pushed by the caller to the one reader of a door URL. What is pushed before the reader comes waits for it. */
export class Feed {
  readonly #budget: number;
  readonly #options: FeedOptions;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #socket: Socket | undefined;
  #ended = false;
  #left = false;
  #refused = false;

  constructor(options: FeedOptions = {}) {
    this.#options = options;
    this.#budget = options.budgetBytes ?? DEFAULT_BUDGET;
  }

  /** Bytes held that the kernel has not taken yet. */
  get bufferedBytes(): number {
    return this.#waitingBytes + (this.#socket?.writableLength ?? 0);
  }

  /**
   * Takes a chunk whole, or refuses it (false) because the budget is used up, the reader left or the feed ended.
   * A chunk that was taken belongs to the feed: its memory must not change any more.
   */
  write(chunk: Buffer): boolean {
    if (this.#ended || this.#left) return false;
    const buffered = this.bufferedBytes;
    if (buffered > 0 && buffered + chunk.length > this.#budget) {
      this.#refused = true;
      return false;
    }
    if (this.#socket) this.#socket.write(chunk, this.#onWritten);
    else {
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.length;
    }
    return true;
  }

  /** No more will come: the reader sees the end after what is buffered. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket?.end();
  }

  /** Takes on the reader. Called by the door, once. */
  attach(socket: Socket): void {
    this.#socket = socket;
    socket.once('close', () => {
      this.#left = true;
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#options.onReader?.('left');
    });
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const chunk of waiting) socket.write(chunk, this.#onWritten);
    if (this.#ended) socket.end();
    this.#options.onReader?.('attached');
  }

  readonly #onWritten = (): void => {
    if (!this.#refused || this.#left || this.bufferedBytes > this.#budget / 2) return;
    this.#refused = false;
    this.#options.onRoom?.();
  };
}
