import type { EventType } from '@streampool/state';

/** Every type of event, and what it says. */
export const EVENT_TYPES = {
  stream_started: 'A stream plays, for the first viewer or after a failure',
  stream_stopped: 'Nobody watches a stream any more, or somebody ended it',
  stream_failed: 'None of a stream’s sources could be played',
  client_connected: 'A viewer came',
  client_disconnected: 'A viewer left',
  failover_triggered: 'A stream goes on with another one of its URLs',
  source_switched: 'A stream goes on with the same URL, opened anew',
  viewer_skipped: 'A viewer was too slow and skipped to the newest keyframe',
  viewer_blocked: 'A viewer takes nothing',
  viewer_unblocked: 'A viewer that took nothing takes something again',
  viewer_refused: 'A viewer was not let in',
  source_lost: 'A source ended, failed or fell silent',
  source_faulty: 'A source delivers nothing worth watching',
  source_refused: 'A source could not be opened',
  source_gap: 'A source delivered nothing for a while',
  encoder_gap: 'FFmpeg delivered nothing for a while',
  encoder_slow: 'FFmpeg does not keep up',
  encoder_recovered: 'FFmpeg keeps up again',
  breaker_opened: 'A source failed too often and is left alone for a while',
  breaker_closed: 'A source that was left alone plays again',
  failback_started: 'A stream tries its first URL again',
  failback_failed: 'A stream’s first URL is no better yet',
  failover_requested: 'Somebody asked for another source',
  slate_started: 'A slate fills a gap',
  slate_ended: 'The slate made way for a source',
  drill_started: 'A source was made to look broken on purpose',
  drill_ended: 'A drill ended',
  slot_handed_over: 'A provider connection went over to another stream',
  stream_preempted: 'A stream was ended for one of a higher priority',
  session_started: 'A user began to watch',
  session_refused: 'A user has as many sessions as are allowed',
  session_ended: 'A user’s session ended',
  owner_changed: 'Another worker plays a stream',
  worker_lost: 'A worker was found dead',
  reaped: 'What dead nodes left behind was removed',
} as const satisfies Record<EventType, string>;

/** What webhooks are told when they name no types. */
export const USUAL_EVENT_TYPES: readonly EventType[] = [
  'stream_started',
  'stream_stopped',
  'stream_failed',
  'client_connected',
  'client_disconnected',
  'failover_triggered',
];

export function isEventType(name: string): name is EventType {
  return Object.hasOwn(EVENT_TYPES, name);
}
