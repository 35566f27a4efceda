import { switchEvent } from '../src/event-log.ts';

const urls = ['http://a.example/1.ts', 'http://b.example/live/alice/hunter2/1.ts'];
const info = { streamId: 's', reason: 'UPSTREAM_CUT', gapMs: 12.4, failoverIndex: 1, urls };

test('a failover says from where to where, and why', () => {
  expect(switchEvent(info, 0)).toEqual({
    type: 'failover_triggered',
    streamId: 's',
    data: {
      ...{ reason: 'UPSTREAM_CUT', gapMs: 12, oldIndex: 0, failoverIndex: 1 },
      ...{ oldUrl: urls[0], newUrl: urls[1] },
    },
  });
});

test('what a resolver named has no URL of the stream; the same URL again is no failover', () => {
  expect(switchEvent({ ...info, failoverIndex: 2 }, 1).data).not.toHaveProperty('newUrl');
  expect(switchEvent({ ...info, clientId: 'c' }, 1)).toEqual({
    type: 'source_switched',
    streamId: 's',
    data: { clientId: 'c', reason: 'UPSTREAM_CUT', gapMs: 12, failoverIndex: 1 },
  });
});
