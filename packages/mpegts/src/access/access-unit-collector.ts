import {
  adaptationFlags,
  continuityOf,
  hasPayload,
  hasTransportError,
  isScrambled,
  PACKET_SIZE,
  pidOf,
  RANDOM_ACCESS_FLAG,
  startsUnit,
} from '../packet.ts';
import type { ElementaryStream } from '../types.ts';
import { AccessUnitProbe, type Verdict } from './access-unit-probe.ts';
import { PacketBuffer } from './packet-buffer.ts';

/**
 * Waits for one access unit that a decoder can certainly start at, and takes its packets out of the stream: enough to
 * decode one picture. Units with a lost or damaged packet, scrambled ones and those over the budget are passed over.
 *
 * One PES packet is taken for one access unit, as broadcasters send them; of a frame sent as two field pictures in two
 * PES packets it is the first field.
 */
export class AccessUnitCollector {
  readonly #pid: number;
  readonly #probe: AccessUnitProbe;
  readonly #packets: PacketBuffer;
  #verdict: Verdict = 'no';
  #counter = 0;

  /** @param maxBytes of transport packets that a unit may have */
  constructor(stream: Pick<ElementaryStream, 'pid' | 'codec'>, maxBytes: number) {
    this.#pid = stream.pid;
    this.#probe = new AccessUnitProbe(stream.codec);
    this.#packets = new PacketBuffer(maxBytes);
  }

  /** Takes whole packets of any PID. Returns the first complete unit's packets; to be thrown away after that. */
  push(run: Buffer): Buffer | undefined {
    for (let at = 0; at < run.length; at += PACKET_SIZE) {
      if (pidOf(run, at) !== this.#pid || !hasPayload(run, at)) continue;
      if (hasTransportError(run, at) || isScrambled(run, at)) {
        this.#abandon();
      } else if (startsUnit(run, at)) {
        if (this.#verdict === 'open') this.#verdict = this.#probe.finish();
        if (this.#verdict === 'yes' && this.#packets.length > 0) return this.#packets.release();
        this.#begin(run, at);
      } else if (this.#verdict === 'yes' || this.#verdict === 'open') {
        this.#goOn(run, at);
      }
    }
    return undefined;
  }

  #begin(run: Buffer, at: number): void {
    this.#packets.clear();
    this.#counter = continuityOf(run, at);
    this.#packets.append(run, at);
    this.#verdict = this.#probe.start(run, at, (adaptationFlags(run, at) & RANDOM_ACCESS_FLAG) !== 0);
  }

  #goOn(run: Buffer, at: number): void {
    const counter = continuityOf(run, at);
    if (counter === this.#counter) return; // a duplicate packet (§2.4.3.3)
    const isNext = counter === ((this.#counter + 1) & 15);
    this.#counter = counter;
    if (!isNext || !this.#packets.append(run, at)) {
      this.#abandon();
      return;
    }
    if (this.#verdict === 'open') this.#verdict = this.#probe.more(run, at);
  }

  #abandon(): void {
    this.#verdict = 'no';
    this.#packets.clear();
  }
}
