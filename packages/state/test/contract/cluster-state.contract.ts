import type { ClusterState } from '../../src/index.ts';
import { describeClients } from './clients.contract.ts';
import { describeEvents } from './events.contract.ts';
import { describeOwnership } from './ownership.contract.ts';
import { describeProviders } from './providers.contract.ts';
import { describeSessions } from './sessions.contract.ts';
import { describeSilence } from './silence.contract.ts';
import { describeSources } from './sources.contract.ts';
import { describeStreams } from './streams.contract.ts';
import { describeSweep } from './sweep.contract.ts';
import { describeTimelines } from './timeline.contract.ts';
import { describeWebhooks } from './webhooks.contract.ts';
import { describeWorkers } from './workers.contract.ts';

/** An empty store, and what the contract needs to bring about in it. */
export interface Store {
  readonly state: ClusterState;
  readonly leaseMs: number;
  readonly clientTtlMs: number;
  readonly sessionTimeoutMs: number;
  /** Another node's connection to the same store. */
  connect(): Promise<ClusterState>;
  /** Lets that much of the store's time pass. */
  advance(ms: number): Promise<void>;
  /** Everything that is readable without asking for a definition, as text: what an operator's tools would show. */
  shown(): Promise<string>;
  close(): Promise<void>;
}

export type OpenStore = () => Promise<Store>;

/**
 * What every implementation of ClusterState does, whoever it is. `open` is called for each test and gives an empty store.
 */
export function describeClusterState(name: string, open: OpenStore): void {
  describe(`ClusterState in ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      await store?.close();
    });
    const current = () => store;
    describe('streams', () => describeStreams(current));
    describe('ownership', () => describeOwnership(current));
    describe('workers', () => describeWorkers(current));
    describe('clients', () => describeClients(current));
    describe('events', () => describeEvents(current));
    describe('webhooks', () => describeWebhooks(current));
    describe('providers', () => describeProviders(current));
    describe('sources', () => describeSources(current));
    describe('sessions', () => describeSessions(current));
    describe('timelines', () => describeTimelines(current));
    describe('sweep', () => describeSweep(current));
    describe('silence', () => describeSilence(current));

    test('answers a ping, and closes more than once', async () => {
      await store.state.ping();
      const other = await store.connect();
      await other.close();
      await other.close();
      await expect(other.ping()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
      await store.state.ping();
    });
  });
}
