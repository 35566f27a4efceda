import { type EventType, explain, type TimelineEntry } from '../../src/index.ts';

function entry(
  type: string,
  data: TimelineEntry['data'] = {},
  fields: Partial<TimelineEntry> = {},
): TimelineEntry {
  return {
    type: type as EventType,
    streamId: 's',
    node: 'w1',
    atMs: 0,
    lastMs: 0,
    count: 1,
    data,
    ...fields,
  };
}

const said = (...args: Parameters<typeof entry>): string => {
  const { cause, detail } = explain(entry(...args));
  return `${cause}: ${detail}`;
};

test.each([
  ['UPSTREAM_CUT', 'upstream'],
  ['SOURCE_FROZEN', 'upstream'],
  ['SYNC_LOST', 'upstream'],
  ['FFMPEG_STALLED', 'encoder'],
  ['RELAY_LOST', 'cluster'],
  ['OWNER_CHANGED', 'cluster'],
  ['HANDED_OVER', 'cluster'],
  ['PROVIDER_LIMIT', 'provider'],
  ['MANUAL', 'operator'],
])('a switch because of %s is the affair of: %s', (reason, cause) => {
  expect(explain(entry('source_switched', { reason, failoverIndex: 0, gapMs: 5 })).cause).toBe(cause);
});

test('causes are told apart in sentences', () => {
  expect(said('source_gap', { gapMs: 1_512, index: 2 })).toBe(
    'upstream: Failover source 2 sent nothing for 1.5 s and went on by itself.',
  );
  expect(said('encoder_gap', { gapMs: 700 })).toBe(
    'encoder: FFmpeg put out nothing for 700 ms although it had something to read.',
  );
  expect(said('source_lost', { code: 'FFMPEG_FAILED', detail: 'killed', index: 0 })).toBe(
    'encoder: FFmpeg was lost: killed (FFMPEG_FAILED).',
  );
  expect(said('source_lost', { code: 'UPSTREAM_CUT', detail: 'reset', index: 0 }, { clientId: 'tv' })).toBe(
    "upstream: The viewer's own connection to the primary source was lost: reset (UPSTREAM_CUT).",
  );
  expect(
    said('failover_triggered', { reason: 'UPSTREAM_CUT', fromIndex: 0, failoverIndex: 1, gapMs: 0 }),
  ).toBe('upstream: Switched from the primary source to failover source 1 (UPSTREAM_CUT), without a gap.');
  expect(said('client_disconnected', { reason: 'stuck', durationMs: 600_000 }, { clientId: 'tv' })).toBe(
    'viewer: The viewer went after 10 min: its socket took nothing for too long, and it was dropped.',
  );
});

test('a stream counts its viewers, and names one alone', () => {
  expect(said('client_connected', { clientId: 'tv' })).toBe('viewer: A viewer came (tv).');
  expect(said('client_connected', { clientId: 'tv' }, { count: 40 })).toBe(
    'viewer: A viewer came (40 times).',
  );
});

test('what a newer node tells of is shown by its name, with the cause that its code has', () => {
  expect(said('moon_eclipsed', { code: 'FFMPEG_X' })).toBe('encoder: Moon eclipsed.');
  expect(said('moon_eclipsed', {}, { count: 2 })).toBe('upstream: Moon eclipsed (2 times).');
});

test('a figure that is missing breaks nothing', () => {
  const types: EventType[] = [
    'source_lost',
    'source_gap',
    'encoder_slow',
    'client_disconnected',
    'viewer_blocked',
    'owner_changed',
    'stream_preempted',
    'drill_ended',
    'breaker_opened',
    'failover_triggered',
    'stream_failed',
    'stream_stopped',
  ];
  for (const type of types) expect(explain(entry(type)).detail).toMatch(/\.$/);
});
