import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TsScanner, TsVerifier } from '@streampool/mpegts';
import { makeSample } from '@streampool/testkit';
import { pino } from 'pino';
import { DEFAULT_CHAIN_POLICY } from '../../src/chain-options.ts';
import { systemClock } from '../../src/clock.ts';
import type { EngineSettings } from '../../src/engine-settings.ts';
import { Intake } from '../../src/intake.ts';
import type { Placement } from '../../src/relay/ownership.ts';
import { Placements } from '../../src/relay/placements.ts';
import { RelayFeed } from '../../src/relay/relay-feed.ts';
import type { Source } from '../../src/source.ts';
import { FakeSource } from '../fake-source.ts';
import { FakeViewer } from '../fake-viewer.ts';
import { ManualClock, settle } from '../manual-clock.ts';

/** Ten seconds with a keyframe at the start of each, and PAT and PMT ten times a second. */
let bytes: Buffer;
let starts: number[];

beforeAll(async () => {
  bytes = readFileSync((await makeSample({ seconds: 10, gopSeconds: 1 })).path);
  starts = [];
  new TsScanner({ onAccessPoint: ({ offset }) => starts.push(offset) }).scan(bytes, 0);
});

async function setup() {
  const clock = new ManualClock();
  const source = new FakeSource();
  const intake = new Intake({
    alternatives: 1,
    policy: DEFAULT_CHAIN_POLICY,
    random: () => 0,
    ring: { budgetBytes: 8 * 1024 * 1024, retainMs: 60_000 },
    open: () => source,
    clock,
    events: {
      progress: () => {},
      lost: () => {},
      ended: () => {},
      failed: () => {},
      recovered: () => {},
      joinable: () => {},
    },
  });
  intake.start();
  await settle();
  return { clock, intake, source };
}

/** What a node gets that asks for what comes from now on. */
function follow(intake: Intake, clock: ManualClock) {
  const { request, response, socket } = new FakeViewer('node');
  const written: Buffer[] = [];
  socket.write = (packets) => {
    written.push(Buffer.from(packets));
    return true;
  };
  const feed = RelayFeed.open({
    ring: intake.ring,
    ringId: 'ring',
    request: { node: 'b', epoch: 1, joinNext: true, req: request.req, res: response as never },
    program: () => intake.program,
    tables: () => intake.tables,
    clientTimeoutMs: 1_000,
    now: () => clock.now(),
    onLeave: () => {},
  });
  return { feed: feed!, written };
}

test('a node that joins between two keyframes gets tables whose counters go on in what follows', async () => {
  const { clock, intake, source } = await setup();
  // To just before a keyframe: ten tables have gone by since the last one.
  const [, , third = 0] = starts;
  const join = third - 10 * 188;
  source.sink.data(bytes.subarray(0, join));
  const { feed, written } = follow(intake, clock);
  source.sink.data(bytes.subarray(join));
  feed.deliver(clock.now());
  const verifier = new TsVerifier({ timestamps: false });
  for (const run of written) verifier.push(run);
  const verdict = verifier.verdict(true);
  expect(verdict.packets).toBeGreaterThan(1_000);
  expect(verdict.continuityErrorsByPid).toEqual(new Map());
  await intake.close();
});

test('a node joins at the live end where it has something to play, and at a keyframe while it waits for its first picture', async () => {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(new URL(req.url ?? '', 'http://owner').searchParams.get('join') ?? 'keyframe');
    res.writeHead(200, {
      'X-Stream-Epoch': 1,
      'X-Stream-Ring': 'ring',
      'X-Stream-Offset': 0,
      'X-Stream-Tables': 0,
    });
    res.write(bytes.subarray(0, 188));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let questions = 0;
  const acquire = (): Promise<Placement> =>
    // The first question of the pool is not answered for long.
    ++questions === 1
      ? new Promise(() => {})
      : Promise.resolve({ here: false, url, owner: 'a', epoch: 1 } as const);
  const pool = new Placements({
    cluster: { node: 'b', token: 'token', ownership: { acquire } },
    settings: { streamTimeoutMs: 10_000, stallTimeoutMs: 10_000 } as EngineSettings,
    clock: systemClock,
    log: pino({ level: 'silent' }),
  }).of('stream');
  const open = async (beside: boolean): Promise<Source> => {
    const source = pool.open(() => new FakeSource(), { beside });
    const { promise, resolve } = Promise.withResolvers<void>();
    source.start({ data: () => resolve(), progress: () => {}, end: () => {} });
    if (beside) await promise;
    return source;
  };
  const sources = [await open(false), await open(true), await open(true)];
  expect(asked).toEqual(['keyframe', 'next']);
  await Promise.all(sources.map((source) => source.close()));
  server.closeAllConnections();
  server.close();
});
