import { type ApiClient, CommandProblem } from '../api/client.ts';
import { type ServerSentEvent, serverSentEvents } from '../api/event-source.ts';
import type { AskOptions } from './show.ts';
import { apiOf } from './show.ts';
import type { Surroundings } from './watch.ts';

export interface EventsOptions extends AskOptions {
  /** Types, separated by commas. */
  readonly types?: string;
  /** A stream's id. */
  readonly stream?: string;
  /** The id of an event: what came after it is told first. */
  readonly after?: string;
}

interface ShownEvent {
  readonly event_id: string;
  readonly event_type: string;
  readonly stream_id: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Between two attempts to come back, ms. */
const RETRY_MS = 2_000;
/** Asking again changes nothing about these. */
const REFUSALS: ReadonlySet<string> = new Set(['TOKEN_MISSING', 'TOKEN_WRONG', 'SCOPE_MISSING']);

/**
 * Prints what happens as it happens, until the signal: a line each, or with `json` the events themselves. A server that ends or
 * restarts is come back to, and nothing is missed or printed twice. @throws CommandProblem when the first attempt fails
 */
export async function eventsCommand(options: EventsOptions, surroundings: Surroundings): Promise<void> {
  const { output, signal, sleep } = surroundings;
  const api = apiOf(options, signal);
  let after = options.after;
  let isFirst = true;
  while (!signal.aborted) {
    try {
      for await (const message of listen(api, options, after)) {
        isFirst = false;
        if (message.id !== '') after = message.id;
        const line = lineOf(message, options.json === true);
        if (line !== undefined) output.write(`${line}\n`);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isFirst) throw error;
      if (error instanceof CommandProblem && REFUSALS.has(error.code)) throw error;
    }
    isFirst = false;
    await sleep(RETRY_MS, signal);
  }
}

async function* listen(
  api: ApiClient,
  { types, stream }: EventsOptions,
  after: string | undefined,
): AsyncGenerator<ServerSentEvent> {
  const query = new URLSearchParams({
    ...(types !== undefined && { event_types: types }),
    ...(stream !== undefined && { stream_id: stream }),
    ...(after !== undefined && { last_event_id: after }),
  });
  yield* serverSentEvents(await api.stream(`/events?${query}`));
}

function lineOf({ event, data }: ServerSentEvent, json: boolean): string | undefined {
  if (event === 'end') return undefined;
  if (event === 'events_lost') return json ? undefined : '(some events are not kept any more)';
  if (json) return data;
  const { timestamp, event_type, stream_id, data: more } = JSON.parse(data) as ShownEvent;
  const details = Object.entries(more).map(([name, value]) => `${name}=${value}`);
  return [timestamp.slice(11, 23), event_type.padEnd(20), stream_id || '-', ...details].join('  ');
}
