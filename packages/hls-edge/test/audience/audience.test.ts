import type { EngineEvents } from '@streampool/streaming';
import { HlsAudience, type HlsViewer } from '../../src/audience/audience.ts';
import { ManualClock } from '../manual-clock.ts';

const viewer = (over: Partial<HlsViewer> = {}): HlsViewer => ({
  ...{ streamId: 's', clientId: 'a', ip: '192.0.2.1', userAgent: 'player' },
  ...over,
});

function stage() {
  const clock = new ManualClock();
  const events: string[] = [];
  const audience = new HlsAudience({
    clock,
    silenceMs: 10_000,
    emit: (event, ...args) => {
      const [info] = args as [EngineEvents['viewer_detached'][0]];
      events.push(`${event} ${info.clientId}${event === 'viewer_detached' ? ` ${info.reason}` : ''}`);
    },
  });
  const poll = (who = viewer(), targetDurationMs = 2_000): void => {
    audience.check(who, { entry: true });
    audience.touch(who, { isPlaylist: true, targetDurationMs });
  };
  return { clock, events, audience, poll };
}

test('a viewer comes once with its first playlist, and has left when it is silent', async () => {
  const { clock, events, audience, poll } = stage();
  audience.touch(viewer(), { isPlaylist: false });
  expect(events).toEqual([]);
  for (let polls = 0; polls < 20; polls++) {
    poll();
    await clock.advance(2_000);
  }
  audience.sent(viewer(), 5_000);
  expect(audience.viewers('s')).toMatchObject([{ clientId: 'a', bytes: 5_000 }]);
  expect(events).toEqual(['viewer_attached a']);
  await clock.advance(9_000);
  expect(audience.count('s')).toBe(1);
  await clock.advance(2_000);
  expect(audience.viewers()).toEqual([]);
  expect(events).toEqual(['viewer_attached a', 'viewer_detached a left']);
  expect(clock.pending).toBe(0);
});

test('longer segments let a viewer be silent for longer', async () => {
  const { clock, audience, poll } = stage();
  poll(viewer(), 6_000);
  await clock.advance(17_000);
  expect(audience.count('s')).toBe(1);
  await clock.advance(2_000);
  expect(audience.count('s')).toBe(0);
});

test('whoever was ended is told so until it begins anew', async () => {
  const { clock, events, audience, poll } = stage();
  poll();
  expect(audience.disconnect('a')).toBe(true);
  expect(audience.disconnect('a')).toBe(false);
  for (let polls = 0; polls < 5; polls++) {
    await clock.advance(2_000);
    expect(() => poll()).toThrow(expect.objectContaining({ code: 'VIEWER_ENDED' }));
  }
  await clock.advance(6_000);
  expect(() => audience.check(viewer(), { entry: false })).toThrow(
    expect.objectContaining({ code: 'VIEWER_ENDED' }),
  );
  await clock.advance(6_000);
  poll();
  expect(events).toEqual(['viewer_attached a', 'viewer_detached a kicked', 'viewer_attached a']);
});

test('whoever has zapped away through another node may zap back at once, by the entry alone', async () => {
  const { clock, events, audience, poll } = stage();
  poll();
  expect(audience.disconnect('a', { hasMoved: true })).toBe(true);
  await clock.advance(100);
  // What was under way when it left, or a list that its player still reloads.
  expect(() => audience.check(viewer(), { entry: false })).toThrow(
    expect.objectContaining({ code: 'VIEWER_ENDED' }),
  );
  poll();
  expect(events).toEqual(['viewer_attached a', 'viewer_detached a left', 'viewer_attached a']);
});

test('whoever has zapped away through another node is here on its next stream already, and stays', () => {
  const { events, audience, poll } = stage();
  poll();
  poll(viewer({ streamId: 'next' }));
  expect(audience.disconnect('a', { hasMoved: true, streamId: 's' })).toBe(true);
  expect([audience.count('s'), audience.count('next')]).toEqual([0, 1]);
  expect(events.at(-1)).toBe('viewer_detached a left');
  // This node ends: its player is sent to another one.
  audience.leave('next', 'a');
  expect(events.at(-1)).toBe('viewer_detached a shutdown');
});

test('the end of a stream ends its viewers, and they may come again', () => {
  const { events, audience, poll } = stage();
  poll();
  poll(viewer({ clientId: 'b' }));
  poll(viewer({ clientId: 'b', streamId: 'other' }));
  expect(audience.end('s', 'stopped')).toBe(2);
  expect(audience.count('other')).toBe(1);
  poll();
  expect(events.at(-1)).toBe('viewer_attached a');
});

test('who waits for a first playlist is none of the viewers, but somebody who wants the stream', () => {
  const { audience, events } = stage();
  const [first, second] = [audience.waits(viewer()), audience.waits(viewer({ clientId: 'b' }))];
  expect(audience.waiting('s').map(({ clientId }) => clientId)).toEqual(['a', 'b']);
  expect(audience.waiting('other')).toEqual([]);
  expect([audience.count('s'), events.length]).toEqual([0, 0]);
  first();
  first();
  expect(audience.waiting('s').map(({ clientId }) => clientId)).toEqual(['b']);
  second();
  expect(audience.waiting('s')).toEqual([]);
});
