import type { Sample } from '../fixtures/sample.ts';
import { stampPacket } from '../fixtures/stamps.ts';
import { TsLoop, type TsLoopOptions } from '../fixtures/ts-loop.ts';
import type { Exchange } from './exchange.ts';

export interface LiveOptions extends TsLoopOptions {
  /**
   * Where a connection starts: `live` (default), the next packet that is due; `keyframe`, at once with the tables and
   * the newest keyframe; `mid-packet`, in the middle of a packet; `fresh`, at the beginning of the sample, on a
   * timeline of its own, as if the provider started an encoder for each connection.
   */
  readonly start?: 'live' | 'keyframe' | 'mid-packet' | 'fresh';
  /** Ms between two writes. */
  readonly tickMs?: number;
  /** 1 is real time. */
  readonly speed?: number;
  readonly contentType?: string;
  readonly chunked?: boolean;
  readonly gzip?: boolean;
}

/**
 * A live channel: one timeline that goes on for ever at real-time pace, whoever watches. All its connections are sent
 * the same buffers, so that hundreds of them cost one process little.
 */
export class LiveChannel {
  readonly loop: TsLoop;
  readonly #options: LiveOptions;
  readonly #epoch = performance.now();
  readonly #readers = new Set<Exchange>();
  readonly #fresh = new Set<LiveChannel>();
  readonly #sample: Pick<Sample, 'path' | 'seconds'>;
  #timer: NodeJS.Timeout | undefined;
  #rounds: { round: number; bytes: Buffer }[] = [];
  /** Absolute offset up to which everything has been sent. */
  #position = 0;
  #stamps = 0;

  constructor(sample: Pick<Sample, 'path' | 'seconds'>, options: LiveOptions = {}, loop?: TsLoop) {
    this.#sample = sample;
    this.#options = options;
    this.loop = loop ?? new TsLoop(sample, options);
  }

  serve(exchange: Exchange): void {
    const { contentType = 'video/mp2t', chunked = false, gzip = false, start = 'live' } = this.#options;
    exchange.head({ headers: { 'content-type': contentType }, chunked, gzip });
    if (exchange.request.method === 'HEAD') {
      exchange.end();
      return;
    }
    if (start === 'fresh') this.#serveFresh(exchange);
    else this.#join(exchange, start);
  }

  #serveFresh(exchange: Exchange): void {
    const own = new LiveChannel(this.#sample, { ...this.#options, start: 'live' }, this.loop);
    this.#fresh.add(own);
    own.#attach(exchange);
    exchange.onClose(() => this.#fresh.delete(own));
  }

  #join(exchange: Exchange, start: 'live' | 'keyframe' | 'mid-packet'): void {
    if (this.#readers.size === 0) this.#position = this.#due().absolute;
    if (start === 'keyframe') exchange.writeLive(this.#slice(this.#newestJoin(), this.#position));
    if (start === 'mid-packet' && this.#position > 0)
      exchange.writeLive(this.#slice(this.#position - 188, this.#position).subarray(77));
    this.#attach(exchange);
  }

  #attach(exchange: Exchange): void {
    this.#readers.add(exchange);
    this.#timer ??= setInterval(() => this.#tick(), this.#options.tickMs ?? 20).unref();
    exchange.onClose(() => {
      this.#readers.delete(exchange);
      if (this.#readers.size === 0) this.#rest();
    });
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #due(): { absolute: number; round: number; ticks: number } {
    const elapsed = (performance.now() - this.#epoch) * 90 * (this.#options.speed ?? 1);
    const round = Math.floor(elapsed / this.loop.durationTicks);
    const ticks = elapsed - round * this.loop.durationTicks;
    return { absolute: round * this.loop.size + this.loop.offsetAt(ticks), round, ticks };
  }

  #tick(): void {
    const { absolute, round, ticks } = this.#due();
    if (absolute <= this.#position) return;
    let chunk = this.#slice(this.#position, absolute);
    this.#position = absolute;
    if (this.#options.stamps) {
      const stamp = stampPacket(this.#stamps++, this.loop.ptsAt(round, ticks), process.hrtime.bigint());
      chunk = Buffer.concat([stamp, chunk]);
    }
    for (const reader of this.#readers) reader.writeLive(chunk);
  }

  /** Absolute offset of the newest place to join. */
  #newestJoin(): number {
    const { joins, size } = this.loop;
    const round = Math.floor(this.#position / size);
    const within = joins.findLast((join) => join <= this.#position - round * size);
    return within === undefined ? Math.max(0, (round - 1) * size + joins.at(-1)!) : round * size + within;
  }

  #slice(from: number, to: number): Buffer {
    const { size } = this.loop;
    const parts: Buffer[] = [];
    for (let at = from; at < to; ) {
      const round = Math.floor(at / size);
      const end = Math.min(to, (round + 1) * size);
      parts.push(this.#round(round).subarray(at - round * size, end - round * size));
      at = end;
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  #round(round: number): Buffer {
    const found = this.#rounds.find((kept) => kept.round === round);
    if (found) return found.bytes;
    const bytes = this.loop.render(round);
    this.#rounds = [...this.#rounds.slice(-1), { round, bytes }];
    return bytes;
  }

  close(): void {
    this.#rest();
    for (const own of this.#fresh) own.close();
  }
}
