import { StreampoolError } from '@streampool/errors';
import { redactUrl } from '@streampool/redaction';
import type { WorkerRecord, WorkerStatus } from '@streampool/state';
import type { z } from 'zod';
import { type Route, route } from '../http/route.ts';
import { drainAnswer, workersAnswer } from '../schemas/server-responses.ts';
import { workerParams } from '../schemas/stream-requests.ts';
import type { Services } from './services.ts';

/** The processes that serve, and what an operator wants of them. */
export function workerRoutes({ state, config }: Services): Route[] {
  /** A gateway has no streams to hand over: it gives notice, and ends. @throws StreampoolError WORKER_NOT_FOUND, INVALID_REQUEST */
  const want = async (id: string, status: WorkerStatus): Promise<z.output<typeof drainAnswer>> => {
    if (!config.facts.clustered) {
      throw new StreampoolError(
        'INVALID_REQUEST',
        'This server is on its own: nobody could take its streams over. End it with SIGTERM',
      );
    }
    if (!(await state.setWorkerStatus(id, status))) throw workerNotFound();
    const now = (await state.listWorkers()).find((worker) => worker.id === id);
    if (!now) throw workerNotFound();
    return {
      worker_id: id,
      status: now.status,
      owned_streams: now.ownedStreams,
      viewers: now.viewers,
    };
  };

  const tag = 'Server';
  return [
    route({
      method: 'get',
      path: '/workers',
      access: 'token',
      tag,
      summary: 'List workers and gateways',
      answers: {
        200: { description: 'Every process that serves, as of its last heartbeat', schema: workersAnswer },
      },
      async handle() {
        const workers = await state.listWorkers();
        return { workers: workers.map(showWorker), total: workers.length };
      },
    }),
    route({
      method: 'post',
      path: '/workers/{id}/drain',
      access: 'token',
      tag,
      summary: 'Let a worker hand over its streams and end',
      description:
        'It takes no new streams, hands over those it has without a viewer noticing, and ends when nothing is left. ' +
        'It learns of this with its next heartbeat. A gateway gives load balancers notice, and ends.',
      params: workerParams,
      errors: ['WORKER_NOT_FOUND', 'INVALID_REQUEST', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'It is draining', schema: drainAnswer } },
      handle: ({ params }) => want(params.id, 'draining'),
    }),
    route({
      method: 'delete',
      path: '/workers/{id}/drain',
      access: 'token',
      tag,
      summary: 'Take the draining of a worker back',
      description:
        'Possible until the worker is empty: it lets viewers in and takes streams again with its next heartbeat, and those it has ' +
        'handed over stay where they are. A worker that was ended by a signal, or a gateway that has learned of it, is on its ' +
        'way out, and the answer says `draining`.',
      params: workerParams,
      errors: ['WORKER_NOT_FOUND', 'INVALID_REQUEST', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'What it does now', schema: drainAnswer } },
      handle: ({ params }) => want(params.id, 'ready'),
    }),
  ];
}

function workerNotFound(): StreampoolError {
  return new StreampoolError('WORKER_NOT_FOUND', 'There is no worker of this name; GET /workers lists them');
}

function showWorker(worker: WorkerRecord): z.output<typeof workersAnswer>['workers'][number] {
  return {
    worker_id: worker.id,
    role: worker.role ?? 'worker',
    host: worker.host,
    pid: worker.pid,
    url: redactUrl(worker.url),
    public_url: redactUrl(worker.publicUrl ?? worker.url),
    status: worker.status,
    version: worker.version,
    owned_streams: worker.ownedStreams,
    viewers: worker.viewers,
    capacity: worker.capacity,
    encoders: worker.encoders ?? 0,
    max_encoders: worker.maxEncoders ?? 0,
    load: worker.load,
    started_at: new Date(worker.startedAtMs).toISOString(),
    heartbeat_at: new Date(worker.heartbeatMs).toISOString(),
  };
}
