import type { StatementSync } from 'node:sqlite';
import { redactText } from '@streampool/redaction';
import type { Claim, ClaimOptions, StreamReport } from '../cluster-state.ts';
import { staleEpoch, streamNotFound } from '../refusals.ts';
import type { Connection } from './connection.ts';
import type { EventsTable } from './events-table.ts';
import type { Listening } from './listening.ts';
import type { OrphanProcessesTable } from './orphan-processes-table.ts';
import type { StreamRow, StreamsTable } from './streams-table.ts';
import type { TimelineTable } from './timeline-table.ts';
import type { WorkersTable } from './workers-table.ts';

export interface OwnershipParts {
  readonly connection: Connection;
  readonly streams: StreamsTable;
  readonly workers: WorkersTable;
  readonly orphanProcesses: OrphanProcessesTable;
  readonly events: EventsTable;
  readonly timeline: TimelineTable;
  readonly listening: Listening;
  readonly leaseMs: number;
}

/**
 * Streams whose lease has run out, or whose owner is dead. The planner, left to itself, reads all streams for it: the
 * indexes are named, and the workers come first (CROSS JOIN keeps the order), so that only what has expired is read.
 */
export const EXPIRED_STREAMS = `
  SELECT * FROM streams WHERE id IN (
    SELECT id FROM streams INDEXED BY streams_by_lease WHERE owner <> '' AND lease_until_ms <= $heard
    UNION ALL
    SELECT streams.id FROM workers INDEXED BY workers_by_hearing
      CROSS JOIN streams INDEXED BY streams_by_owner ON streams.owner = workers.id AND streams.owner <> ''
    WHERE workers.heard_ms <= $heard - $leaseMs
  ) LIMIT $limit`;

/** States in which there are pictures, or were just now. */
const PLAYING: ReadonlySet<string> = new Set(['live', 'switching', 'draining']);

/** What became of a report: written, of an unknown stream, or refused because of the row's newer owner. */
export type ReportOutcome = 'written' | 'missing' | { readonly stale: StreamRow };

/**
 * Who owns a stream: a lease that reports renew, and an epoch that grows by one with every new owner and never again
 * becomes smaller. Every method runs within the caller's transaction.
 */
export class Ownership {
  readonly #parts: OwnershipParts;
  readonly #own: StatementSync;
  readonly #renew: StatementSync;
  readonly #disown: StatementSync;
  readonly #write: StatementSync;
  readonly #ownedBy: StatementSync;
  readonly #expired: StatementSync;

  constructor(parts: OwnershipParts) {
    this.#parts = parts;
    const { connection } = parts;
    // What the earlier owner measured is not true of the new one's FFmpeg.
    const forgetProcess =
      'ffmpeg_pid = NULL, ffmpeg_start_ticks = NULL, bitrate_kbps = NULL, fps = NULL, speed = NULL';
    this.#own = connection.prepare(`
      UPDATE streams SET owner = $owner, host = $host, epoch = $epoch, lease_until_ms = $leaseUntilMs,
        state = 'starting', last_access_ms = max(last_access_ms, $now), ${forgetProcess}
      WHERE id = $streamId`);
    this.#renew = connection.prepare(
      'UPDATE streams SET lease_until_ms = $leaseUntilMs WHERE id = $streamId',
    );
    this.#disown = connection.prepare(`
      UPDATE streams SET owner = '', host = '', lease_until_ms = 0, ${forgetProcess},
        state = CASE WHEN state IN ('stopped', 'failed') THEN state ELSE 'idle' END
      WHERE id = $streamId`);
    // A parameter pair per field that may be cleared: whether it was mentioned, and what it is now.
    this.#write = connection.prepare(`
      UPDATE streams SET
        lease_until_ms = $leaseUntilMs,
        state = coalesce($state, state),
        failover_index = coalesce($failoverIndex, failover_index),
        failover_attempts = coalesce($failoverAttempts, failover_attempts),
        last_access_ms = coalesce(min($lastAccessMs, $now), last_access_ms),
        ffmpeg_pid = iif($hasFfmpegPid, $ffmpegPid, ffmpeg_pid),
        ffmpeg_start_ticks = iif($hasFfmpegStartTicks, $ffmpegStartTicks, ffmpeg_start_ticks),
        bitrate_kbps = iif($hasBitrateKbps, $bitrateKbps, bitrate_kbps),
        fps = iif($hasFps, $fps, fps),
        speed = iif($hasSpeed, $speed, speed),
        last_error = iif($hasLastError, $lastError, last_error)
      WHERE id = $streamId`);
    this.#ownedBy = connection.prepare("SELECT * FROM streams WHERE owner = $owner AND owner <> ''");
    this.#expired = connection.prepare(EXPIRED_STREAMS);
  }

  claim(streamId: string, worker: { id: string; host: string }, options: ClaimOptions, now: number): Claim {
    const row = this.#parts.streams.row(streamId);
    if (!row) throw streamNotFound(streamId);
    if (row.owner === worker.id) {
      this.#renew.run({ streamId, leaseUntilMs: this.#leaseUntil(now) });
      return { granted: true, owner: row.owner, epoch: row.epoch };
    }
    if (options.deposes !== row.epoch && this.#isHeld(row, now))
      return { granted: false, owner: row.owner, epoch: row.epoch };
    const continues = row.owner !== '' && PLAYING.has(row.state);
    const epoch = this.#give(row, worker, row.epoch + 1, now);
    return { granted: true, owner: worker.id, epoch, ...(continues && { continues }) };
  }

  release(streamId: string, epoch: number, onlyExpired: boolean, now: number): boolean {
    const row = this.#parts.streams.row(streamId);
    if (!row) return false;
    if (row.epoch !== epoch || row.owner === '') throw staleEpoch(row.id, row.owner, row.epoch);
    if (onlyExpired && this.#isHeld(row, now)) return false;
    // An owner that releases has ended its FFmpeg; of one that was found dead nobody knows.
    if (onlyExpired) this.takeAway(row, now);
    else this.#disown.run({ streamId });
    return true;
  }

  /** Ends an ownership in its owner's absence: its FFmpeg, if any, is put on the list of its host. */
  takeAway(row: StreamRow, now: number): void {
    this.#parts.orphanProcesses.add(row, this.#parts.workers.pid(row.owner), now);
    this.#disown.run({ streamId: row.id });
  }

  takeAwayAll(owner: string, now: number): void {
    for (const row of this.#ownedBy.all({ owner }) as unknown as StreamRow[]) this.takeAway(row, now);
  }

  /** `reporter` is unknown for a report outside a beat, which therefore cannot adopt. */
  report(
    report: StreamReport,
    reporter: { id: string; host: string } | undefined,
    now: number,
  ): ReportOutcome {
    const { streamId, epoch } = report;
    const row = this.#parts.streams.row(streamId);
    if (!row) return 'missing';
    // The store was emptied or set back while the owner went on: what the owner remembers is the newer truth.
    if (reporter && epoch > row.epoch) this.#give(row, reporter, epoch, now);
    else if (row.owner === '' || row.epoch !== epoch || (reporter && row.owner !== reporter.id)) {
      return { stale: row };
    }
    if (report.ffmpegPid) this.#parts.orphanProcesses.forget(reporter?.host ?? row.host, report.ffmpegPid);
    this.#write.run({ ...reportParameters(report), now, leaseUntilMs: this.#leaseUntil(now) });
    return 'written';
  }

  /** Streams whose lease has run out, or whose owner is dead by heartbeat. */
  expired(heard: number, limit: number): StreamRow[] {
    return this.#expired.all({ heard, limit, leaseMs: this.#parts.leaseMs }) as unknown as StreamRow[];
  }

  #isHeld(row: StreamRow, now: number): boolean {
    const { listening, workers, leaseMs } = this.#parts;
    const heard = listening.at(now);
    if (row.owner === '' || row.lease_until_ms <= heard) return false;
    const heardMs = workers.heardMs(row.owner);
    return heardMs === undefined || heardMs + leaseMs > heard;
  }

  #leaseUntil(now: number): number {
    return this.#parts.listening.at(now) + this.#parts.leaseMs;
  }

  #give(row: StreamRow, worker: { id: string; host: string }, epoch: number, now: number): number {
    if (row.owner !== '' && row.owner !== worker.id) {
      this.takeAway(row, now);
      const data = { from: row.owner, to: worker.id, epoch };
      const event = { type: 'owner_changed', streamId: row.id, data } as const;
      this.#parts.events.add([event], now);
      this.#parts.timeline.add([{ ...event, node: worker.id, atMs: now }], now);
    }
    this.#own.run({
      streamId: row.id,
      owner: worker.id,
      host: worker.host,
      epoch,
      leaseUntilMs: this.#leaseUntil(now),
      now,
    });
    return epoch;
  }
}

function reportParameters(report: StreamReport) {
  const rounded = (value: number | null | undefined) => (value == null ? null : Math.round(value));
  return {
    streamId: report.streamId,
    state: report.state ?? null,
    failoverIndex: report.failoverIndex ?? null,
    failoverAttempts: report.failoverAttempts ?? null,
    lastAccessMs: rounded(report.lastAccessMs),
    hasFfmpegPid: report.ffmpegPid === undefined ? 0 : 1,
    ffmpegPid: report.ffmpegPid ?? null,
    hasFfmpegStartTicks: report.ffmpegStartTicks === undefined ? 0 : 1,
    ffmpegStartTicks: report.ffmpegStartTicks ?? null,
    hasBitrateKbps: report.bitrateKbps === undefined ? 0 : 1,
    bitrateKbps: report.bitrateKbps ?? null,
    hasFps: report.fps === undefined ? 0 : 1,
    fps: report.fps ?? null,
    hasSpeed: report.speed === undefined ? 0 : 1,
    speed: report.speed ?? null,
    hasLastError: report.lastError === undefined ? 0 : 1,
    lastError: report.lastError == null ? null : redactText(report.lastError),
  };
}
