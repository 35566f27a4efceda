import { EventFeed } from '@streampool/events';
import { WebhookMeter } from '@streampool/gateway';
import { InProcessTasks, QueueTasks, type TaskHandler, type TaskQueue } from '@streampool/jobs';
import type { ClusterState } from '@streampool/state';
import { HttpUpstreamClient } from '@streampool/upstream';
import { Deliverer, type Delivery, Dispatcher, WebhookSender } from '@streampool/webhooks';
import type { Logger } from 'pino';
import type { Config } from '../config/settings.ts';
import type { Teardown } from '../serve/teardown.ts';

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
  /** Begins to deliver, and to hand events on when it is this process's turn: on every node that does jobs. */
  serve(queue?: { readonly url: string; readonly prefix: string }): TaskQueue<Delivery>;
}

/** Opens what every node has; who delivers calls `serve`. Closed before the state, and after whatever still has something to tell. */
export function openWebhooks(options: WebhooksOptions): Webhooks {
  const { config, nodeId, state, log, version, teardown } = options;
  const policy = { access: config.webhookAccess };
  const client = new HttpUpstreamClient({ policy });
  const sender = new WebhookSender({ client, policy, version });
  const events = new EventFeed({ state, log });
  const meter = new WebhookMeter();
  const closing: (() => Promise<void>)[] = [];
  teardown.add('webhooks', async () => {
    for (const close of closing) await close();
    events.close();
  });
  return {
    events,
    sender,
    meter,
    serve(place) {
      const deliverer = new Deliverer({ state, sender, log, onOutcome: meter.observe });
      const queue = queueFor(deliverer.attempt, log, place);
      const dispatcher = new Dispatcher({ state, feed: events, queue, log, node: nodeId });
      meter.watch(() => ({ ...dispatcher.figures(), ...queue.figures() }));
      closing.push(
        () => dispatcher.close(),
        () => queue.close(),
      );
      dispatcher.start();
      return queue;
    },
  };
}

function queueFor(
  handle: TaskHandler<Delivery>,
  log: Logger,
  place: { readonly url: string; readonly prefix: string } | undefined,
): TaskQueue<Delivery> {
  return place ? new QueueTasks({ name: 'webhooks', ...place, log, handle }) : new InProcessTasks({ handle });
}
