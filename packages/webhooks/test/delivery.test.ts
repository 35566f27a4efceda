import { EventFeed } from '@streampool/events';
import { InProcessTasks, type TaskHandler, type TaskQueue } from '@streampool/jobs';
import { QueueTasks } from '@streampool/jobs/queue';
import { type ClusterState, type NewWebhook, SqliteClusterState } from '@streampool/state';
import { RedisClusterState } from '@streampool/state/redis';
import { RedisServer, waitFor } from '@streampool/testkit';
import { HttpUpstreamClient } from '@streampool/upstream';
import { pino } from 'pino';
import {
  Deliverer,
  type Delivery,
  type DeliveryOutcome,
  Dispatcher,
  verifySignature,
  WebhookSender,
} from '../src/index.ts';
import { TestReceiver } from './receiver.ts';

const log = pino({ level: 'silent' });
const closing: (() => Promise<unknown>)[] = [];
let receiver: TestReceiver;

beforeEach(async () => {
  receiver = await TestReceiver.start();
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await receiver.close();
});

/** A node that hands events on and delivers. */
interface TestNode {
  readonly outcomes: DeliveryOutcome[];
  readonly dispatcher: Dispatcher;
  readonly queue: TaskQueue<Delivery>;
  close(): Promise<void>;
}

function node(
  state: ClusterState,
  name: string,
  queueOf: (handle: TaskHandler<Delivery>) => TaskQueue<Delivery>,
): TestNode {
  const policy = { access: 'any' as const };
  const sender = new WebhookSender({ client: new HttpUpstreamClient({ policy }), policy, version: 'test' });
  const outcomes: DeliveryOutcome[] = [];
  const deliverer = new Deliverer({ state, sender, log, onOutcome: (outcome) => outcomes.push(outcome) });
  const queue = queueOf(deliverer.attempt);
  const feed = new EventFeed({ state, log, waitMs: 300 });
  const dispatcher = new Dispatcher({ state, feed, queue, log, node: name, intervalMs: 50, leaseMs: 1_000 });
  dispatcher.start();
  const close = async (): Promise<void> => {
    await dispatcher.close();
    feed.close();
    await queue.close();
  };
  closing.push(close);
  return { outcomes, dispatcher, queue, close };
}

const inProcess = (handle: TaskHandler<Delivery>): TaskQueue<Delivery> =>
  new InProcessTasks({ handle, pauseMs: () => 20 });

function hook(id: string, fields: Partial<NewWebhook> = {}): NewWebhook {
  return {
    ...{ id, url: `${receiver.url}/${id}`, events: [], headers: {}, secret: `secret of ${id}` },
    ...{ timeoutMs: 30_000, retryAttempts: 2, ...fields },
  };
}

const started = (n: number) => ({ type: 'stream_started' as const, streamId: 's1', data: { n } });

describe('one process', () => {
  let state: SqliteClusterState;

  beforeEach(() => {
    state = new SqliteClusterState({ path: ':memory:' });
    closing.push(() => state.close());
  });

  test('a webhook is told what happens from its creation on, signed, with its own headers', async () => {
    await state.publish(started(0));
    const it = node(state, 'a', inProcess);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await state.putWebhook(hook('w', { headers: { Authorization: 'Bearer x' } }));
    await state.publish(started(1));
    await receiver.until(({ length }) => length === 1);
    const [{ path, headers, body, json }] = receiver.received as [(typeof receiver.received)[0]];
    expect(path).toBe('/w');
    expect(json).toMatchObject({ event_type: 'stream_started', stream_id: 's1', data: { n: 1 } });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer x',
      'user-agent': 'Streampool-Webhook/test',
    });
    const claim = { secret: 'secret of w', body, nowSeconds: Date.now() / 1000 };
    expect(verifySignature(String(headers['x-streampool-signature']), claim)).toBe(true);
    expect(it.dispatcher.figures().dispatching).toBe(true);
  });

  test('a webhook is told at once, though what others are there was asked a moment before it was', async () => {
    const it = node(state, 'a', inProcess);
    await state.putWebhook(hook('first'));
    await state.publish(started(1));
    await receiver.until(({ length }) => length === 1);
    await state.putWebhook(hook('second'));
    await state.publish(started(2));
    await receiver.until(({ length }) => length === 3);
    expect(receiver.received.map(({ path }) => path).sort()).toEqual(['/first', '/first', '/second']);
    expect(it.outcomes).not.toContain('gone');
  });

  test('the state is not asked for the labels of streams whose events nobody wants', async () => {
    const asked: string[] = [];
    const getStream = state.getStream.bind(state);
    state.getStream = (id) => {
      asked.push(id);
      return getStream(id);
    };
    node(state, 'a', inProcess);
    await state.putWebhook(hook('w', { events: ['stream_stopped'] }));
    await state.publish(started(1));
    await state.publish({ type: 'stream_stopped', streamId: 's2', data: {} });
    await receiver.until(({ length }) => length === 1);
    expect(asked).toEqual(['s2']);
  });

  test('what is not taken is tried again, and in the end a dead letter that says why; others do not wait', async () => {
    receiver.answer = ({ path }) => (path === '/bad' ? 500 : 204);
    const it = node(state, 'a', inProcess);
    await state.putWebhook(hook('bad'));
    await state.putWebhook(hook('good'));
    for (let n = 1; n <= 3; n++) await state.publish(started(n));
    await receiver.until((all) => all.filter(({ path }) => path === '/bad').length === 9);
    const good = receiver.received.filter(({ path }) => path === '/good').map(({ json }) => json.data.n);
    expect(good.toSorted()).toEqual([1, 2, 3]);
    const deadline = Date.now() + 30_000;
    while ((await state.listDeadLetters()).length < 3 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await state.listDeadLetters({ webhookId: 'good' })).toEqual([]);
    expect((await state.listDeadLetters())[0]).toMatchObject({
      webhookId: 'bad',
      attempts: 3,
      error: 'The receiver did not take it: it answered 500',
      event: { type: 'stream_started' },
    });
    const count = (outcome: DeliveryOutcome): number => it.outcomes.filter((each) => each === outcome).length;
    expect([count('delivered'), count('retried'), count('dead')]).toEqual([3, 6, 3]);
  });

  test('what a restart interrupts is delivered after it; a receiver that is removed gets nothing more', async () => {
    receiver.answer = () => undefined;
    const before = node(state, 'a', inProcess);
    await state.putWebhook(hook('w'));
    await state.publish(started(1));
    await receiver.until(({ length }) => length === 1);
    await before.close();
    expect(await state.listDeadLetters()).toEqual([]);
    receiver.answer = () => 200;
    await state.publish(started(2));
    const after = node(state, 'a', inProcess);
    await receiver.until(({ length }) => length === 3);
    expect(
      receiver.received
        .slice(1)
        .map(({ json }) => json.data.n)
        .toSorted(),
    ).toEqual([1, 2]);
    await waitFor(() => after.outcomes.length === 2, { what: 'the outcomes of both' });
    await state.removeWebhook('w');
    await state.putWebhook(hook('other'));
    // All who are to hear of an event are told at once: whoever got the first would have it before the second is there.
    for (const n of [3, 4]) {
      await state.publish(started(n));
      await waitFor(() => after.outcomes.length === n, { what: 'the outcome of what another receiver got' });
    }
    expect(receiver.received.slice(3).map(({ path }) => path)).toEqual(['/other', '/other']);
    expect(after.outcomes).toEqual(Array.from({ length: 4 }, () => 'delivered'));
  });

  test('receivers that never answer cost their timeout, those that must not be reached nothing', async () => {
    receiver.answer = () => undefined;
    const client = new HttpUpstreamClient({ policy: { access: 'public' } });
    const sender = new WebhookSender({ client, policy: { access: 'public' }, version: 'test' });
    const to = (url: string) => sender.send({ url, headers: {}, timeoutMs: 100 }, '{}');
    await expect(to(receiver.url)).rejects.toMatchObject({ code: 'WEBHOOK_NOT_DELIVERED' });
    expect(receiver.received).toEqual([]);
    expect(sender.refusalOf('http://[::1]/x')).toMatchObject({ code: 'UPSTREAM_ADDRESS_FORBIDDEN' });
    const lan = new WebhookSender({
      client: new HttpUpstreamClient({ policy: { access: 'lan' } }),
      policy: { access: 'lan' },
      version: 'test',
    });
    expect(lan.refusalOf('http://192.168.1.2/x')).toBeUndefined();
    for (const never of ['http://169.254.169.254/latest/', 'http://169.254.7.7/', 'http://[fe80::1]/'])
      expect(lan.refusalOf(never)).toMatchObject({ code: 'UPSTREAM_ADDRESS_FORBIDDEN' });
    const slow = lan.send({ url: `${receiver.url}/?token=hunter2`, headers: {}, timeoutMs: 100 }, '{}');
    await expect(slow).rejects.toThrow('no answer within 100 ms');
    await expect(slow).rejects.not.toThrow('hunter2');
  });
});

describe('a cluster', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(() => server?.close());

  function cluster(prefix: string) {
    return (name: string): { state: RedisClusterState; it: TestNode } => {
      const state = new RedisClusterState({ url: server.url, prefix });
      closing.push(() => state.close());
      const it = node(
        state,
        name,
        (handle) =>
          new QueueTasks({
            name: 'webhooks',
            url: server.url,
            prefix,
            log,
            handle,
            pauseMs: () => 50,
            // A machine that stands still for a moment must not lose a lock.
            lockMs: 20_000,
          }),
      );
      return { state, it };
    };
  }

  test('one of three nodes hands on, all deliver, and each event comes once, also when that node leaves', async () => {
    const join = cluster('once:');
    const nodes = [join('a'), join('b'), join('c')];
    const [{ state }] = nodes as [(typeof nodes)[0]];
    await state.putWebhook(hook('w'));
    for (let n = 0; n < 30; n++) await state.publish(started(n));
    await receiver.until(({ length }) => length >= 30);
    const dispatching = () => nodes.filter(({ it }) => it.dispatcher.figures().dispatching);
    // One that a busy machine has replaced learns so with its next try.
    await waitFor(() => dispatching().length === 1, { what: 'one node that hands on' });
    await dispatching()[0]?.it.close();
    for (let n = 30; n < 60; n++) await state.publish(started(n));
    await receiver.until(({ length }) => length >= 60);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const told = receiver.received.map(({ json }) => json.data.n as number).sort((a, b) => a - b);
    expect(told).toEqual(Array.from({ length: 60 }, (_, n) => n));
  });

  test('a node that hands on and vanishes is followed by another one, which hands nothing on twice', async () => {
    const join = cluster('lost:');
    const lost = new RedisClusterState({ url: server.url, prefix: 'lost:' });
    closing.push(() => lost.close());
    await lost.putWebhook(hook('w'));
    // It has the turn, has handed the first one on, and never says so again.
    await lost.publish(started(1));
    expect(await lost.takeDispatch({ by: 'vanished', leaseMs: 700 })).toMatchObject({ granted: true });
    const { it } = join('b');
    await lost.publish(started(2));
    const first = (await lost.readEvents())[0];
    const id = `w.${first?.id}`;
    await it.queue.add([{ id, data: { id, webhookId: 'w', event: first as never }, attempts: 3 }]);
    await receiver.until(({ length }) => length >= 2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(receiver.received.map(({ json }) => json.data.n).toSorted()).toEqual([1, 2]);
  });
});
