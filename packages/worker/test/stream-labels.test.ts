import type { PoolSnapshot } from '@streampool/streaming';
import { StreamLabels } from '../src/stream-labels.ts';

const pool = (streamId: string, metadata?: Record<string, string>) =>
  ({ streamId, ...(metadata && { metadata }) }) as PoolSnapshot;

test('events that clients of webhooks know have the labels of their stream, beyond its end', () => {
  let pools = [pool('s', { profile_id: '7', logo: 'http://user:secret@p.example/logo.png' })];
  const labels = new StreamLabels(() => pools);
  const connected = labels.on({ type: 'client_connected', streamId: 's', data: { clientId: 'tv' } });
  expect(connected.data.clientId).toBe('tv');
  expect(JSON.parse(String(connected.data.labels))).toMatchObject({ profile_id: '7' });
  expect(connected.data.labels).not.toContain('secret');
  pools = [];
  const stopped = labels.on({ type: 'stream_stopped', streamId: 's', data: {} });
  expect(stopped.data.labels).toBe(connected.data.labels);
});

test('what changed counts; events of another kind and streams without labels have none', () => {
  const here = [pool('bare'), pool('empty', {})];
  const labels = new StreamLabels((id) => here.filter(({ streamId }) => streamId === id));
  labels.note(pool('s', { id: '1' }));
  labels.note(pool('s', { id: '2' }));
  expect(labels.on({ type: 'stream_failed', streamId: 's', data: {} }).data).toEqual({
    labels: '{"id":"2"}',
  });
  expect(labels.on({ type: 'viewer_skipped', streamId: 's', data: {} }).data).toEqual({});
  for (const streamId of ['bare', 'empty', 'unknown'])
    expect(labels.on({ type: 'stream_started', streamId, data: {} }).data).toEqual({});
});

test('a stream without labels does not have those of one that had its id before; one that says nothing of them does', () => {
  const labels = new StreamLabels(() => []);
  labels.note(pool('s', { id: '1' }));
  labels.note(pool('s'));
  expect(labels.on({ type: 'stream_stopped', streamId: 's', data: {} }).data).toEqual({
    labels: '{"id":"1"}',
  });
  labels.note(pool('s', {}));
  expect(labels.on({ type: 'stream_started', streamId: 's', data: {} }).data).toEqual({});
});
