import { hasPayload, PACKET_SIZE, payloadStart, pidOf, startsUnit } from '../packet.ts';

/** Payloads shorter than this are the end of a unit and too short to tell padding by. */
const PADDING_BYTES = 100;

/**
 * Tells how many bytes each PES packet of a PID has without padding: filler data of H.264 and HEVC (0xff, Rec. ITU-T
 * H.264 §7.3.2.7) and stuffing zeros of MPEG video, which constant-rate encoders put behind pictures. A packet is taken
 * for padding when five bytes spread over its payload are all 0xff or all 0x00.
 */
export class UnitSizes {
  readonly #pid: number;
  readonly #onUnit: (bytes: number) => void;
  #bytes = -1;

  constructor(pid: number, onUnit: (bytes: number) => void) {
    this.#pid = pid;
    this.#onUnit = onUnit;
  }

  /** Takes whole packets of any PID. */
  push(run: Buffer): void {
    for (let at = 0; at < run.length; at += PACKET_SIZE) {
      if (pidOf(run, at) !== this.#pid || !hasPayload(run, at)) continue;
      if (startsUnit(run, at)) {
        if (this.#bytes >= 0) this.#onUnit(this.#bytes);
        this.#bytes = 0;
      }
      if (this.#bytes < 0) continue;
      const start = payloadStart(run, at);
      const length = at + PACKET_SIZE - start;
      if (length < PADDING_BYTES || !isPadding(run, start, length)) this.#bytes += length;
    }
  }
}

function isPadding(run: Buffer, start: number, length: number): boolean {
  const byte = run[start + length - 1]!;
  if (byte !== 0xff && byte !== 0x00) return false;
  return (
    run[start + length - 2] === byte &&
    run[start + 8] === byte &&
    run[start + (length >> 1)] === byte &&
    run[start + (length >> 2)] === byte
  );
}
