import type { OrphanProcess } from '@streampool/state';
import type { ProcessInfo } from './process-table.ts';

export interface KillPolicy {
  readonly lookUp: (pid: number) => ProcessInfo | undefined;
  /** How long this node has known of the orphan, in ms of its own monotonic clock. */
  readonly knownForMs: (orphan: OrphanProcess) => number;
  /** How long a parent that still lives may take to end its FFmpeg itself, in ms. */
  readonly graceMs: number;
  /** Processes of this very process's pools, which the state may be about to learn of. */
  readonly spare?: (pid: number) => boolean;
}

export type ProcessAction =
  | { readonly type: 'kill'; readonly orphan: OrphanProcess; readonly process: ProcessInfo }
  /** There is nothing to kill (any more). */
  | { readonly type: 'forget'; readonly pid: number; readonly reason: string };

/** What is to be done about the processes that lost their streams. An orphan that is not mentioned waits. Pure but for `lookUp`. */
export function planKills(orphans: readonly OrphanProcess[], policy: KillPolicy): ProcessAction[] {
  return orphans.flatMap((orphan): ProcessAction[] => {
    const { pid } = orphan;
    const forget = (reason: string): ProcessAction[] => [{ type: 'forget', pid, reason }];
    const process = policy.lookUp(pid);
    if (!process || process.state === 'Z') return forget('it has ended');
    // The pid alone says nothing, and FFmpegs of other pools have the same arguments: only the start tells them apart.
    if (orphan.startTicks === undefined) return forget('its start is not known');
    if (process.startTicks !== orphan.startTicks) return forget('the pid is another process’s now');
    if (!isPoolFfmpeg(process.args)) return forget('it is not an FFmpeg of a pool');
    if (policy.spare?.(pid)) return [];
    const parentLives = process.ppid === orphan.ownerPid;
    if (parentLives && policy.knownForMs(orphan) < policy.graceMs) return [];
    return [{ type: 'kill', orphan, process }];
  });
}

/** True for the arguments every pool's FFmpeg has: progress on its fourth descriptor, input through a loopback door. */
export function isPoolFfmpeg(args: readonly string[]): boolean {
  const follows = (option: string, value: (next: string) => boolean): boolean =>
    args.some((arg, i) => arg === option && value(args[i + 1] ?? ''));
  return (
    follows('-progress', (next) => next === 'pipe:3') &&
    follows('-i', (next) => /^http:\/\/(?:127\.0\.0\.1|\[::1\]):\d+\//.test(next))
  );
}
