import type { StreampoolError } from '@streampool/errors';
import type { UpstreamClient } from '@streampool/upstream';
import { pino } from 'pino';
import {
  DEFAULT_ENGINE_SETTINGS,
  type EngineEvents,
  StreamEngine,
  type StreamKind,
  type StreamSpec,
} from '../src/index.ts';
import { FakeViewer } from './fake-viewer.ts';
import { ManualClock, settle } from './manual-clock.ts';

function spec(kind: StreamKind): StreamSpec {
  return {
    id: kind,
    kind,
    target: { url: 'http://provider/live.ts', headers: {} },
    failoverUrls: [],
    ffmpegArgs: ['-i', '{input_url}'],
    contentType: 'video/mp2t',
  };
}

/** An engine whose provider is asked, but answers only when told to. */
function setup() {
  const refusals: ((error: StreampoolError) => void)[] = [];
  const client: UpstreamClient = {
    open: (_request, { signal }) =>
      new Promise((_resolve, reject) => {
        refusals.push(reject);
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
  };
  const clock = new ManualClock();
  const door = { open: () => undefined as never, openSocket: () => undefined as never };
  const engine = new StreamEngine({
    settings: DEFAULT_ENGINE_SETTINGS,
    client,
    door,
    clock,
    log: pino({ level: 'silent' }),
  });
  const states: EngineEvents['pool_state'][0][] = [];
  engine.on('pool_state', (change) => states.push(change));
  return { engine, clock, refusals, states };
}

test.each(['direct', 'shared', 'transcode'] as const)(
  'nothing is opened (%s) for a viewer that has gone before it was let in',
  async (kind) => {
    const { engine, clock, refusals } = setup();
    const viewer = new FakeViewer('one');
    viewer.leave();
    await engine.watch(spec(kind), viewer.request);
    await settle();
    expect(refusals).toEqual([]);
    expect(engine.pools()).toEqual([]);
    expect(clock.pending).toBe(0);
  },
);
