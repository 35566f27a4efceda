import type { DeadLetter, NewWebhook } from '../../src/index.ts';
import type { Store } from './cluster-state.contract.ts';
import { idOf } from './records.ts';

function webhook(id: string, fields: Partial<NewWebhook> = {}): NewWebhook {
  return {
    id,
    url: `http://lan.example/${id}`,
    events: [],
    headers: {},
    timeoutMs: 10_000,
    retryAttempts: 3,
    secret: 'whsec',
    ...fields,
  };
}

function letter(id: string, webhookId: string): Omit<DeadLetter, 'failedAtMs'> {
  const event = {
    id: '7',
    type: 'stream_failed' as const,
    streamId: idOf(1),
    atMs: 5,
    data: { reason: 'x' },
  };
  return { id, webhookId, event, attempts: 4, error: 'it answered 500' };
}

export function describeWebhooks(store: () => Store): void {
  test('webhooks are what was put, in the order of their creation, for every node', async () => {
    const { state, connect, advance } = store();
    expect(await state.listWebhooks()).toEqual([]);
    const first = await state.putWebhook(
      webhook('b', { events: ['stream_failed'], headers: { 'X-A': '1' } }),
    );
    await advance(10);
    const second = await state.putWebhook(webhook('a', { streamId: idOf(1), metadata: { group: 'news' } }));
    const other = await connect();
    expect(await other.listWebhooks()).toEqual([first, second]);
    const changed = await other.putWebhook(webhook('b', { retryAttempts: 0 }));
    expect(changed.createdAtMs).toBe(first.createdAtMs);
    expect(await state.listWebhooks()).toEqual([changed, second]);
    expect(changed.events).toEqual([]);
    expect(await state.removeWebhook('b')).toBe(true);
    expect(await state.removeWebhook('b')).toBe(false);
    expect(await other.listWebhooks()).toEqual([second]);
    await other.close();
  });

  test('one at a time hands events on, and goes on where the one before had come to', async () => {
    const { state, advance } = store();
    const turn = (by: string, reached?: string) =>
      state.takeDispatch({ by, leaseMs: 5_000, ...(reached !== undefined && { reached }) });
    expect(await turn('a')).toEqual({ granted: false, reached: '' });
    await state.putWebhook(webhook('w'));
    expect(await turn('a', 'never believed')).toEqual({ granted: true, reached: '' });
    expect(await turn('b')).toMatchObject({ granted: false });
    expect(await turn('a', '5')).toEqual({ granted: true, reached: '5' });
    await advance(4_000);
    expect(await turn('a')).toEqual({ granted: true, reached: '5' });
    await advance(4_000);
    expect(await turn('b')).toMatchObject({ granted: false });
    await advance(2_000);
    expect(await turn('b', '3')).toEqual({ granted: true, reached: '5' });
    expect(await turn('a', '9')).toMatchObject({ granted: false });
    await state.leaveDispatch('a');
    expect(await turn('a')).toMatchObject({ granted: false });
    await state.leaveDispatch('b');
    expect(await turn('a')).toEqual({ granted: true, reached: '5' });
  });

  test('dead letters are kept, newest first, until they are removed or their webhook is', async () => {
    const { state, advance } = store();
    await state.putWebhook(webhook('a'));
    await state.putWebhook(webhook('b'));
    await state.keepDeadLetter(letter('1', 'a'));
    await advance(10);
    await state.keepDeadLetter(letter('2', 'b'));
    await advance(10);
    await state.keepDeadLetter(letter('3', 'a'));
    expect((await state.listDeadLetters()).map(({ id }) => id)).toEqual(['3', '2', '1']);
    expect((await state.listDeadLetters({ webhookId: 'a' })).map(({ id }) => id)).toEqual(['3', '1']);
    expect(await state.getDeadLetter('2')).toEqual({
      ...letter('2', 'b'),
      failedAtMs: expect.any(Number),
    });
    expect(await state.getDeadLetter('9')).toBeUndefined();
    expect(await state.removeDeadLetter('3')).toBe(true);
    expect(await state.removeDeadLetter('3')).toBe(false);
    await state.removeWebhook('a');
    expect((await state.listDeadLetters()).map(({ id }) => id)).toEqual(['2']);
  });

  test('of dead letters the newest 1,000 stay', async () => {
    const { state, advance } = store();
    await state.keepDeadLetter(letter('oldest', 'a'));
    await advance(10);
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => state.keepDeadLetter(letter(String(n), 'a'))));
    const kept = await state.listDeadLetters();
    expect(kept).toHaveLength(1_000);
    expect(kept.some(({ id }) => id === 'oldest')).toBe(false);
  });
}
