import { api } from '@streampool/testkit';
import type { Scene, StreamKind } from './scene.ts';

/** What happens to a source, and the longest that any viewer may be without it. */
export interface FaultCase {
  readonly name: string;
  /** The most that p99 of the gaps may be, in ms; none where nothing is promised. */
  readonly gapMs?: number;
  readonly kinds: readonly StreamKind[];
  /** Something else has to play afterwards. */
  readonly moves: boolean;
  /** How long the fault takes to be noticed, in ms: before that everything seems right. */
  readonly noticedMs?: number;
  readonly happen: (scene: Scene, streamId: string) => Promise<void>;
}

const ALL: readonly StreamKind[] = ['shared', 'transcoded', 'encoded'];
const CUT_MS = 500;

const FIELDS = ['new_url', 'failover_index', 'failover_attempts', 'active_clients'] as const;

/** @param stallMs STALL_TIMEOUT of the nodes */
export function faultCases(stallMs: number): readonly FaultCase[] {
  return [
    { name: 'nothing', kinds: ALL, moves: false, happen: async () => {} },
    {
      ...{ name: 'manual', gapMs: 100, kinds: ALL, moves: true },
      happen: async ({ site, viewers }, streamId) => {
        const { status, text, body } = await api(site.doors[0]!, 'POST', `/streams/${streamId}/failover`, {});
        if (status !== 200) throw new Error(`POST /streams/{id}/failover answered ${status}: ${text}`);
        const answer = body as Record<string, unknown>;
        const missing = FIELDS.filter((name) => answer[name] === undefined);
        if (missing.length > 0) throw new Error(`the answer lacks ${missing.join(', ')}: ${text}`);
        if (Number(answer.active_clients) < viewers)
          throw new Error(`active_clients is ${answer.active_clients}, with ${viewers} viewers`);
      },
    },
    {
      ...{ name: 'cut', gapMs: CUT_MS, kinds: ALL, moves: false },
      happen: async ({ provider }) => provider.cut(await current(provider)),
    },
    {
      ...{ name: 'stall', gapMs: stallMs + 500, kinds: ALL, moves: false, noticedMs: stallMs + 500 },
      happen: async ({ provider }) => provider.stall(await current(provider)),
    },
    {
      ...{ name: 'error', gapMs: CUT_MS, kinds: ALL, moves: true },
      happen: async ({ provider }) => {
        const path = await current(provider);
        await provider.fault(path, { kind: 'html' });
        await provider.cut(path);
      },
    },
    {
      ...{ name: 'status', gapMs: CUT_MS, kinds: ALL, moves: true },
      happen: async ({ provider }) => {
        const path = await current(provider);
        await provider.fault(path, { kind: 'status', status: 503 });
        await provider.cut(path);
      },
    },
    {
      ...{ name: 'ffmpeg', gapMs: 1_500, kinds: ['transcoded', 'encoded'], moves: false },
      happen: async ({ site }) => {
        const running = site.ffmpegs();
        if (running.length !== 1) throw new Error(`${running.length} FFmpegs instead of one`);
        process.kill(running[0]!.pid, 'SIGKILL');
      },
    },
  ];
}

async function current(provider: Scene['provider']): Promise<string> {
  const path = await provider.playing();
  if (path === undefined) throw new Error('nobody is connected to the provider');
  return path;
}
