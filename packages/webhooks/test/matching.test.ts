import type { ClusterEvent, WebhookRecord } from '@streampool/state';
import fc from 'fast-check';
import { eventBody, isMeant } from '../src/index.ts';
import { Progress } from '../src/progress.ts';

const webhook: WebhookRecord = {
  id: 'w',
  url: 'http://lan.example/',
  events: [],
  headers: {},
  timeoutMs: 1_000,
  retryAttempts: 3,
  secret: 's',
  createdAtMs: 100,
};
const event: ClusterEvent = { id: '1', type: 'stream_failed', streamId: 's1', atMs: 100, data: {} };
const news = { group: 'news', lang: 'de' };

test.each([
  ['all types', {}, {}, true],
  ['what was before it', { createdAtMs: 101 }, {}, false],
  ['one of its types', { events: ['stream_failed'] }, {}, true],
  ['none of its types', { events: ['stream_started'] }, {}, false],
  ['its stream', { streamId: 's1' }, {}, true],
  ['another stream', { streamId: 's2' }, {}, false],
  ['its label', { metadata: { group: 'news' } }, {}, true],
  ['another label', { metadata: { group: 'news', lang: 'en' } }, {}, false],
  ['no stream, where a label is wanted', { metadata: { group: 'news' } }, { streamId: '' }, false],
] as const)('%s', (_, ofWebhook, ofEvent, meant) => {
  const labels = 'streamId' in ofEvent ? undefined : news;
  expect(isMeant({ ...webhook, ...ofWebhook }, { ...event, ...ofEvent }, labels)).toBe(meant);
});

test('a stream that nobody remembers has no labels', () => {
  expect(isMeant({ ...webhook, metadata: { a: 'b' } }, event, undefined)).toBe(false);
  expect(isMeant(webhook, event, undefined)).toBe(true);
});

test('what is told of a stream comes with its labels, beside what happened', () => {
  const body = JSON.parse(eventBody({ ...event, data: { reason: 'r' } }, { provider_profile_id: '7' }));
  expect(body.data).toEqual({ reason: 'r', metadata: { provider_profile_id: '7' } });
});

test('bodies are JSON in ASCII', () => {
  const body = eventBody({ ...event, data: { reason: 'zürück “x” 📺' } });
  expect(body).toMatch(/^[\x20-\x7e]+$/);
  expect(JSON.parse(body)).toEqual({
    event_id: '1',
    event_type: 'stream_failed',
    stream_id: 's1',
    timestamp: '1970-01-01T00:00:00.100Z',
    data: { reason: 'zürück “x” 📺' },
  });
});

test('what has been reached is everything up to the first step that is not safe', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 30 }), (order) => {
      const progress = new Progress('start');
      const steps = order.map((_, n) => progress.begin(String(n)));
      const safe = new Set<number>();
      const left = order.map((key, n) => ({ key, n })).sort((a, b) => a.key - b.key);
      for (const { n } of left) {
        steps[n]?.();
        safe.add(n);
        let first = 0;
        while (safe.has(first)) first += 1;
        expect(progress.reached).toBe(first === 0 ? 'start' : String(first - 1));
        expect(progress.pending).toBe(order.length - first);
      }
    }),
  );
});
