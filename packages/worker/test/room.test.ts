import type { PoolSnapshot } from '@streampool/streaming';
import { Room } from '../src/room.ts';
import { definition } from './node.ts';

type Pool = Pick<PoolSnapshot, 'streamId' | 'kind' | 'state' | 'relayed'>;

class Stand {
  owned: { streamId: string; kind: 'transcode' | 'shared' }[] = [];
  pools: Pool[] = [];

  room(capacity: number, maxEncoders = 0): Room {
    return new Room({
      ...{ capacity, maxEncoders },
      owned: () =>
        this.owned.map(({ streamId, kind }) => ({ streamId, definition: { ...definition(streamId), kind } })),
      pools: () => this.pools,
    });
  }

  own(streamId: string, kind: 'transcode' | 'shared' = 'transcode'): void {
    this.owned.push({ streamId, kind });
  }

  play(streamId: string, fields: Partial<Pool> = {}): void {
    this.pools.push({ streamId, kind: 'transcode', state: 'live', ...fields });
  }
}

const ENCODES = { needsEncoder: true };
const COPIES = { needsEncoder: false };

test('without limits there is always room', () => {
  const stand = new Stand();
  for (let i = 0; i < 100; i++) stand.own(`s${i}`);
  expect(stand.room(0).take('one-more', ENCODES)).toBeDefined();
});

test('streams that are being claimed at the same time share what is left', () => {
  const stand = new Stand();
  stand.own('a');
  const room = stand.room(3);
  const b = room.take('b', COPIES);
  expect(b).toBeDefined();
  expect(room.take('c', COPIES)).toBeDefined();
  expect(room.take('d', COPIES)).toBeUndefined();
  // Somebody else owns it after all.
  b?.();
  expect(room.take('d', COPIES)).toBeDefined();
  expect(room.take('e', COPIES)).toBeUndefined();
});

test('what has become owned while it was claimed counts once', () => {
  const stand = new Stand();
  const room = stand.room(2);
  const a = room.take('a', ENCODES);
  stand.own('a');
  expect(room.take('b', ENCODES)).toBeDefined();
  a?.();
  expect(room.take('c', ENCODES)).toBeUndefined();
});

test('viewers of one stream take one place together, and the first gives it back', () => {
  const room = new Stand().room(1);
  const first = room.take('a', COPIES);
  const second = room.take('a', COPIES);
  second?.();
  expect(room.take('b', COPIES)).toBeUndefined();
  first?.();
  expect(room.take('b', COPIES)).toBeDefined();
});

test('encoders are FFmpegs that run here or are about to, not relays, and limit only what needs one', () => {
  const stand = new Stand();
  stand.own('claimed');
  stand.own('copied', 'shared');
  stand.own('live');
  stand.play('live');
  stand.play('live', { state: 'starting' });
  stand.play('relayed', { relayed: true });
  stand.play('failed', { state: 'failed' });
  stand.play('copied', { kind: 'shared' });
  stand.play('unowned');
  const room = stand.room(0, 4);
  // One claimed, two of one stream, one that nobody owns.
  expect(room.encoders).toBe(4);
  expect(room.take('next', ENCODES)).toBeUndefined();
  expect(room.take('next', COPIES)).toBeDefined();
  // It runs here already.
  expect(room.take('unowned', ENCODES)).toBeDefined();
});

test('encoders of streams that are being claimed count too', () => {
  const room = new Stand().room(0, 2);
  expect(room.take('copied', COPIES)).toBeDefined();
  expect(room.take('a', ENCODES)).toBeDefined();
  expect(room.take('b', ENCODES)).toBeDefined();
  expect(room.take('c', ENCODES)).toBeUndefined();
});
