import { EventFeed } from '@streampool/events';
import { type QueueSizes, WebhookMeter } from '@streampool/gateway';
import { InProcessTasks, type Task, type TaskQueue } from '@streampool/jobs';
import type { QueueTasks, QueueTasksOptions } from '@streampool/jobs/queue';
import type { ClusterState } from '@streampool/state';
import { HttpUpstreamClient } from '@streampool/upstream';
import { type Callback, Deliverer, type Delivery, Dispatcher, WebhookSender } from '@streampool/webhooks';
import type { Logger } from 'pino';
import type { Config } from '../config/settings.ts';
import { pause } from '../serve/pause.ts';
import type { Teardown } from '../serve/teardown.ts';

const QUEUE = 'webhooks';
/** Whoever gave an address for once is not asked how often. */
const CALLBACK_ATTEMPTS = 5;
/** How often a queue that is away is tried, and the time between two tries; ms. */
const QUEUE_ATTEMPTS = 150;
const QUEUE_RETRY_MS = 2_000;

export type SharedQueueOptions = Pick<QueueTasksOptions<Delivery>, 'name' | 'log' | 'handle'>;

export interface WebhooksOptions {
  readonly config: Config;
  readonly nodeId: string;
  readonly state: ClusterState;
  readonly log: Logger;
  readonly version: string;
  readonly teardown: Teardown;
}

/** What of a node hears and tells what happens. */
export interface Webhooks {
  /** The one reader of this process. */
  readonly events: EventFeed;
  readonly sender: WebhookSender;
  readonly meter: WebhookMeter;
  /**
   * Begins to deliver, and to hand events on when it is this process's turn: on every node that does jobs. The nodes of a
   * cluster share a queue, which is made with what it is given.
   */
  serve(sharedQueue?: (options: SharedQueueOptions) => QueueTasks<Delivery>): void;
  /** How many deliveries the queue of the cluster holds, by what they are at; nothing where there is none. Rejects while Redis is away. */
  queueSizes(): Promise<QueueSizes[]>;
  /** Tells somebody something, by the same deliveries: from `serve` on. The same id is told once. */
  tell(id: string, callback: Callback): void;
}

/** Opens what every node has; who delivers calls `serve`. Closed before the state, and after whatever still has something to tell. */
export function openWebhooks(options: WebhooksOptions): Webhooks {
  const { config, nodeId, state, log, version, teardown } = options;
  const policy = { access: config.webhookAccess };
  const client = new HttpUpstreamClient({ policy });
  const sender = new WebhookSender({ client, policy, version });
  const events = new EventFeed({ state, log });
  const meter = new WebhookMeter();
  const steps: (() => Promise<void>)[] = [];
  const closing = new AbortController();
  let queue: TaskQueue<Delivery> | undefined;
  let shared: QueueTasks<Delivery> | undefined;
  teardown.add('webhooks', async () => {
    closing.abort();
    for (const close of steps) await close();
    events.close();
  });
  /** The queue may be away for a while. Never rejects. */
  const addWithPatience = async (task: Task<Delivery>): Promise<void> => {
    for (let attempt = 1; attempt <= QUEUE_ATTEMPTS; attempt++) {
      try {
        return await queue?.add([task]);
      } catch (error) {
        log.warn({ err: error, id: task.id, attempt }, 'a callback could not be queued');
        await pause(QUEUE_RETRY_MS, closing.signal);
        if (closing.signal.aborted) return;
      }
    }
  };
  return {
    events,
    sender,
    meter,
    serve(sharedQueue) {
      const { attempt: handle } = new Deliverer({ state, sender, log, onOutcome: meter.observe });
      shared = sharedQueue?.({ name: QUEUE, log, handle });
      const tasks = shared ?? new InProcessTasks({ handle });
      queue = tasks;
      const dispatcher = new Dispatcher({ state, feed: events, queue: tasks, log, node: nodeId });
      meter.watch(() => ({ ...dispatcher.figures(), ...tasks.figures() }));
      steps.push(
        () => dispatcher.close(),
        () => tasks.close(),
      );
      dispatcher.start();
    },
    async queueSizes() {
      return shared ? [{ queue: QUEUE, sizes: await shared.sizes() }] : [];
    },
    tell(id, callback) {
      const task = { id, data: { id, callback }, attempts: CALLBACK_ATTEMPTS };
      void addWithPatience(task);
    },
  };
}
