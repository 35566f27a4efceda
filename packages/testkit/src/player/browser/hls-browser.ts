import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { waitFor } from '../../processes/wait-for.ts';

/** What a page with hls.js has seen so far. Times in ms. */
export interface BrowserPlayback {
  /** Of the video element, seconds since playback began. */
  readonly playedSeconds: number;
  readonly decodedFrames: number;
  readonly droppedFrames: number;
  /** How often, and for how long in all, the picture stood still after it had begun. */
  readonly stalls: number;
  readonly stalledMs: number;
  /** `details` of hls.js errors, fatal ones and others. */
  readonly fatalErrors: readonly string[];
  readonly otherErrors: readonly string[];
  /** Media sequence numbers in the order in which they were shown. */
  readonly sequences: readonly number[];
  readonly discontinuities: number;
  readonly levels: number;
  readonly audioTracks: readonly string[];
  readonly subtitleTracks: readonly string[];
  /** Parts that were loaded in place of whole segments. */
  readonly parts: number;
  /** Seconds between the picture and the end of what the playlist says, where hls.js knows. */
  readonly latency: number | null;
}

export interface BrowserOptions {
  readonly lowLatency?: boolean;
}

/** Where Debian and others install it; undefined where there is none. */
export function chromiumPath(): string | undefined {
  return ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, name)))
    .find((path) => existsSync(path));
}

const PAGE = `<!DOCTYPE html><meta charset="utf-8"><title>hls.js</title>
<body><script src="/hls.js"></script><script src="/watch.js"></script>`;

/**
 * A headless Chromium with a page that plays HLS with hls.js, from an origin of its own as players on web sites do. All
 * its players are on one page: what is in the background does not play.
 */
export class HlsBrowser {
  readonly #browser: Browser;
  readonly #page: Page;
  readonly #server: Server;

  #players = 0;

  private constructor(browser: Browser, page: Page, server: Server) {
    this.#browser = browser;
    this.#page = page;
    this.#server = server;
  }

  /** @throws Error where there is no Chromium */
  static async start(): Promise<HlsBrowser> {
    const executablePath = chromiumPath();
    if (!executablePath) throw new Error('there is no Chromium');
    const files: Record<string, [type: string, body: string]> = {
      '/': ['text/html', PAGE],
      '/hls.js': [
        'text/javascript',
        readFileSync(fileURLToPath(import.meta.resolve('hls.js/dist/hls.min.js')), 'utf8'),
      ],
      '/watch.js': ['text/javascript', readFileSync(new URL('./watch.js', import.meta.url), 'utf8')],
    };
    const server = createServer((request, response) => {
      const [type, body] = files[request.url ?? ''] ?? [];
      response.writeHead(type ? 200 : 404, { 'content-type': type ?? 'text/plain' }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const browser = await puppeteer.launch({
        executablePath,
        args: [
          ...['--no-sandbox', '--disable-gpu', '--mute-audio', '--autoplay-policy=no-user-gesture-required'],
          ...['--disable-background-timer-throttling', '--disable-renderer-backgrounding'],
          ...['--disable-backgrounding-occluded-windows', '--disable-dev-shm-usage'],
        ],
      });
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      return new HlsBrowser(browser, page, server);
    } catch (error) {
      server.close();
      throw error;
    }
  }

  async play(url: string, { lowLatency = false }: BrowserOptions = {}): Promise<BrowserPlayer> {
    const id = this.#players++;
    const start = (...args: [number, string, boolean]): void =>
      (globalThis as unknown as Watcher).watch(...args);
    await this.#page.evaluate(start, id, url, lowLatency);
    return new BrowserPlayer(this.#page, id);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** What watch.js puts into the page. */
interface Watcher {
  watch(id: number, url: string, lowLatency: boolean): void;
  seen(id: number): BrowserPlayback;
  leave(id: number): void;
}

/** One video of the page. */
export class BrowserPlayer {
  readonly #page: Page;
  readonly #id: number;

  constructor(page: Page, id: number) {
    this.#page = page;
    this.#id = id;
  }

  seen(): Promise<BrowserPlayback> {
    return this.#page.evaluate((id) => (globalThis as unknown as Watcher).seen(id), this.#id);
  }

  /** Resolves when so much has been shown; a fatal error of hls.js rejects at once. */
  async waitForPlayed(seconds: number, timeoutMs = seconds * 1_000 + 40_000): Promise<BrowserPlayback> {
    let seen = await this.seen();
    await waitFor(
      async () => {
        seen = await this.seen();
        if (seen.fatalErrors.length > 0) throw new Error(`hls.js gave up: ${JSON.stringify(seen)}`);
        return seen.playedSeconds >= seconds;
      },
      {
        timeoutMs,
        everyMs: 200,
        what: () => `${seconds} s of picture in the browser: ${JSON.stringify(seen)}`,
      },
    );
    return seen;
  }

  async close(): Promise<void> {
    await this.#page.evaluate((id) => (globalThis as unknown as Watcher).leave(id), this.#id);
  }
}
