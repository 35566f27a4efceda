import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeErrors, Player, probePackets } from '@streampool/testkit';

/** How far the program clock of a stream was from the wall clock, against where it was when it began; ms. */
export interface ClockDrift {
  /** The stream came later than it should: a player runs dry. */
  readonly lateMs: number;
  /** It came earlier: a player has to keep more of it. */
  readonly aheadMs: number;
}

/** What a player that recorded everything has in its file. */
export interface Recording {
  /** What ffmpeg said while it decoded all of it. */
  readonly decodeErrors: readonly string[];
  /** Tracks that had nothing in the last two seconds. */
  readonly silentTracks: readonly string[];
  /** The longest distance between two pictures, or two frames of sound; ms. */
  readonly videoHoleMs: number;
  readonly audioHoleMs: number;
}

const WRAP = 2 ** 33;
/** Reads that follow each other closer than this are one delivery, whose last clock reference is the newest. */
const ONE_DELIVERY_MS = 20;
/** How long a stream is watched before its clock says where it should be. */
const CALM_MS = 1_500;
const TAIL_SECONDS = 2;
/** Deliveries over which the median is taken: a single one that a busy machine handled late is no drift. */
const STEADY = 5;

/** A viewer in an idle process who records everything, and looks at the clock with each delivery. */
export class Witness {
  readonly player: Player;
  readonly #offsets: { readonly atMs: number; readonly offset: number }[] = [];
  #pid = -1;
  #pcr = -1;
  #mediaMs = 0;
  #pending: { atMs: number; offset: number } | undefined;

  constructor(url: string) {
    this.player = new Player(url, { record: true });
    this.player.check.onPcr = (base, pid) => this.#onPcr(base, pid);
  }

  #onPcr(base: number, pid: number): void {
    if (this.#pid < 0) this.#pid = pid;
    if (pid !== this.#pid) return;
    if (this.#pcr >= 0) {
      const step = (base - this.#pcr + WRAP) % WRAP;
      this.#mediaMs += (step > WRAP / 2 ? step - WRAP : step) / 90;
    }
    this.#pcr = base;
    const atMs = performance.now();
    const pending = this.#pending;
    if (pending && atMs - pending.atMs > ONE_DELIVERY_MS) this.#offsets.push(pending);
    this.#pending = { atMs, offset: this.#mediaMs - atMs };
  }

  get drift(): ClockDrift {
    const offsets = this.#offsets;
    // The first deliveries hold what a viewer is given to start with.
    const began = (offsets[0]?.atMs ?? 0) + CALM_MS / 3;
    const calm = offsets.filter(({ atMs }) => atMs >= began && atMs <= began + CALM_MS);
    if (calm.length === 0) return { lateMs: 0, aheadMs: 0 };
    const base = median(calm);
    let [lateMs, aheadMs] = [0, 0];
    const measured = offsets.filter(({ atMs }) => atMs >= began);
    for (let at = 0; at + STEADY <= measured.length; at++) {
      const offset = median(measured.slice(at, at + STEADY));
      lateMs = Math.max(lateMs, base - offset);
      aheadMs = Math.max(aheadMs, offset - base);
    }
    return { lateMs, aheadMs };
  }

  /** Decodes what was recorded up to the last whole unit. */
  async examine(): Promise<Recording> {
    const directory = mkdtempSync(join(tmpdir(), 'bench-failover-'));
    try {
      const path = this.player.saveRecording(join(directory, 'viewer.ts'));
      const [errors, video, audio] = await Promise.all([
        decodeErrors(path),
        probePackets(path, 'v:0'),
        probePackets(path, 'a:0'),
      ]);
      const ends = { video: lastOf(video), audio: lastOf(audio) };
      const end = Math.max(ends.video, ends.audio);
      return {
        decodeErrors: errors,
        silentTracks: (['video', 'audio'] as const).filter((track) => !(ends[track] > end - TAIL_SECONDS)),
        videoHoleMs: longestStep(video),
        audioHoleMs: longestStep(audio),
      };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

function median(deliveries: readonly { offset: number }[]): number {
  const sorted = deliveries.map(({ offset }) => offset).sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function lastOf(packets: readonly { dts: number }[]): number {
  return packets.reduce((last, { dts }) => Math.max(last, dts || last), Number.NEGATIVE_INFINITY);
}

function longestStep(packets: readonly { dts: number }[]): number {
  const steps = packets.slice(1).map(({ dts }, index) => (dts - packets[index]!.dts) * 1_000);
  return Math.round(Math.max(0, ...steps.filter(Number.isFinite)));
}
