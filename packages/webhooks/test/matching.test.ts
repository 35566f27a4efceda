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
const news = async () => ({ group: 'news', lang: 'de' });
const nothing = async () => undefined;

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
] as const)('%s', async (_, ofWebhook, ofEvent, meant) => {
  expect(await isMeant({ ...webhook, ...ofWebhook }, { ...event, ...ofEvent }, news)).toBe(meant);
});

test('a stream that nobody remembers has no labels; who wants none need not ask', async () => {
  expect(await isMeant({ ...webhook, metadata: { a: 'b' } }, event, nothing)).toBe(false);
  const never = () => Promise.reject(new Error('asked'));
  expect(await isMeant(webhook, event, never)).toBe(true);
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
