import type { StreamRecord } from '@streampool/state';
import { definition, type Node, node, TestStore } from '../node.ts';

/** The state, and a worker `a` that has registered in it: new for each test of a file that has called {@link useWorker}. */
export let store: TestStore;
export let a: Node;

/** Opens the two for each test of the file that calls it, at its top. The state knows streams `s` and `t`. */
export function useWorker(): void {
  beforeEach(async () => {
    store = new TestStore();
    for (const id of ['s', 't']) await store.inner.putStream(definition(id));
    a = node(store, 'a');
    await a.worker.start();
    await store.clock.advance(100);
  });
  afterEach(async () => {
    store.failure = undefined;
    await a.worker.close();
    await store.inner.close();
  });
}

/** Long enough for what changed to be told, short of the next beat. */
export const flush = (): Promise<void> => store.clock.advance(100);

export const stream = (id = 's'): Promise<StreamRecord | undefined> => store.inner.getStream(id);

/** Of all events, in order. */
export const types = async (): Promise<string[]> => (await store.inner.readEvents()).map(({ type }) => type);
