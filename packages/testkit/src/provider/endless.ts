import type { Sample } from '../fixtures/sample.ts';
import { TsLoop } from '../fixtures/ts-loop.ts';
import type { Exchange } from './exchange.ts';

/** Continuity counters have 16 values: after 16 rounds every counter is back where it began. */
const ROUNDS = 16;

/**
 * A transport stream without end, sent as fast as the reader takes it. Continuity counters never break; timestamps
 * go back every 16 rounds, so that nothing has to be computed while sending.
 */
export class EndlessStream {
  readonly #loop: TsLoop;
  readonly #chunkBytes: number;
  #bytes: Buffer | undefined;

  constructor(sample: Pick<Sample, 'path' | 'seconds'>, { chunkBytes = 256 * 1024 } = {}) {
    this.#loop = new TsLoop(sample);
    this.#chunkBytes = chunkBytes;
  }

  async serve(exchange: Exchange): Promise<void> {
    exchange.head({ headers: { 'content-type': 'video/mp2t' } });
    if (exchange.request.method === 'HEAD') return exchange.end();
    this.#bytes ??= Buffer.concat(Array.from({ length: ROUNDS }, (_, round) => this.#loop.render(round)));
    const bytes = this.#bytes;
    for (
      let at = 0;
      !exchange.closed;
      at = at + this.#chunkBytes >= bytes.length ? 0 : at + this.#chunkBytes
    ) {
      if (!exchange.write(bytes.subarray(at, at + this.#chunkBytes))) await exchange.drained();
      if (exchange.stalled) await exchange.drained();
    }
  }
}
