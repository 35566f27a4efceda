import { availableParallelism, hostname, loadavg } from 'node:os';
import {
  type ClusterState,
  DEFAULT_CLIENT_TTL_MS,
  processStartTicks,
  type WorkerStatus,
} from '@streampool/state';
import { type Clock, type StreamEngineApi, systemClock } from '@streampool/streaming';
import type { Logger } from 'pino';

/** What the composition may want to do when the cluster disagrees with this node. Must not throw. */
export interface WorkerHooks {
  /** Another node owns a stream that runs here, or is another one than it was: this one shall follow it. */
  onOwnerChanged?(streamId: string, by: { owner: string; epoch: number }): void;
  /** Somebody removed a stream that runs here. */
  onStreamRemoved?(streamId: string): void;
  /** The status in force has changed: an operator drains this worker, or wants it back. */
  onStatus?(status: WorkerStatus): void;
  /** Another process uses this worker's id; this one is no part of the cluster any more and only serves what it has. */
  onReplaced?(detail: string): void;
}

export interface WorkerOptions extends WorkerHooks {
  readonly id: string;
  readonly state: ClusterState;
  readonly engine: StreamEngineApi;
  readonly log: Logger;
  /** Where other nodes reach this one. */
  readonly url: string;
  /** Where players reach this one; `url` by default. */
  readonly publicUrl?: string;
  /** Where Prometheus reaches this one; `url` by default. */
  readonly metricsUrl?: string;
  readonly version: string;
  /** A gateway has viewers, but never owns a stream. A worker by default. */
  readonly role?: 'worker' | 'gateway';
  /** This machine's name; one and the same for all processes on it. */
  readonly host?: string;
  /** The most streams it takes; 0 means no limit. */
  readonly capacity?: number;
  /** The most FFmpeg processes it runs; 0 means no limit. */
  readonly maxEncoders?: number;
  /** Between two full beats; at most a third of the store's lease. */
  readonly heartbeatMs?: number;
  /** What changed waits at most this long to be told, so that what changes together is told together. */
  readonly flushMs?: number;
  /** How often viewers' byte counts are told. */
  readonly clientRefreshMs?: number;
  /** The store's client TTL; unchanged viewers are mentioned three times within it. */
  readonly clientTtlMs?: number;
  /** How long a stream claimed ahead of its start is kept without a pool. */
  readonly startGraceMs?: number;
  /** The longest `close` takes. */
  readonly closeTimeoutMs?: number;
  readonly clock?: Clock;
  /** 0 to 1; injected for tests. */
  readonly random?: () => number;
  /** One-minute load average divided by the number of cores. */
  readonly load?: () => number;
  /** See `processStartTicks`. */
  readonly startTicks?: (pid: number) => number | undefined;
}

export type CompleteWorkerOptions = Required<Omit<WorkerOptions, keyof WorkerHooks>> & WorkerHooks;

export function completeOptions(options: WorkerOptions): CompleteWorkerOptions {
  const heartbeatMs = options.heartbeatMs ?? 5_000;
  return {
    role: 'worker',
    publicUrl: options.url,
    metricsUrl: options.url,
    host: hostname(),
    capacity: 0,
    maxEncoders: 0,
    flushMs: 100,
    clientRefreshMs: Math.max(heartbeatMs, 10_000),
    clientTtlMs: DEFAULT_CLIENT_TTL_MS,
    startGraceMs: 60_000,
    closeTimeoutMs: 5_000,
    clock: systemClock,
    random: Math.random,
    load: () => (loadavg()[0] ?? 0) / availableParallelism(),
    startTicks: processStartTicks,
    ...options,
    heartbeatMs,
  };
}
