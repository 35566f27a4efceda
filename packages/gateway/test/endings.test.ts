import type { ClientRecord, ClusterState, WorkerRecord } from '@streampool/state';
import type { GatewayConfig, Peers } from '../src/index.ts';
import { closeAll, GatewayUnderTest, json, NODE_ID } from './gateway-under-test.ts';

afterEach(closeAll);

const FACTS: GatewayConfig['facts'] = {
  ...{ clientTimeoutMs: 1, streamTimeoutMs: 1, sharedStreamTimeoutMs: 1, cleanupIntervalMs: 1 },
  ...{
    heartbeatIntervalMs: 1,
    maxClientsPerSharedStream: 0,
    sharingStrategy: 'url_profile',
    clustered: true,
  },
};

/** The other node: knows what it was asked, and does it. */
class FakePeers implements Peers {
  readonly asked: string[] = [];
  answers = true;

  async disconnect(
    node: string,
    clientId: string,
    streamId = 'any',
    { hasMoved = false }: { readonly hasMoved?: boolean } = {},
  ): Promise<boolean | undefined> {
    this.asked.push(`${node} disconnect ${clientId} ${streamId}${hasMoved ? ' (has moved)' : ''}`);
    return this.answers ? true : undefined;
  }

  failover(): never {
    throw new Error('nobody asks for it');
  }

  drill(): never {
    throw new Error('nobody asks for it');
  }

  async gaps(): Promise<undefined> {}

  async report(): Promise<undefined> {}

  async logLevel(): Promise<undefined> {}

  async stop(node: string, streamId: string): Promise<number | undefined> {
    this.asked.push(`${node} stop ${streamId}`);
    return this.answers ? 1 : undefined;
  }
}

async function cluster() {
  const peers = new FakePeers();
  const it = await GatewayUnderTest.start({ facts: FACTS }, { peers });
  const url = 'http://provider.example/live.ts';
  const id = await it.define({ url, shared: true, metadata: { playlist: 'p' } });
  return { it, peers, id };
}

/** Viewers of the stream at another node, as its heartbeat tells of them. */
async function watchingElsewhere(state: ClusterState, id: string, node: string, ...clientIds: string[]) {
  const worker: Omit<WorkerRecord, 'heartbeatMs'> = {
    ...{ id: node, host: 'h', pid: 1, url: `http://${node}:1`, status: 'ready', version: '1', load: 0 },
    ...{ ownedStreams: 0, viewers: 0, capacity: 0, startedAtMs: 1 },
  };
  const clients: ClientRecord[] = clientIds.map((clientId) => ({
    ...{ id: clientId, streamId: id, node, ip: '192.0.2.1', userAgent: 'VLC', connectedAtMs: 1 },
    ...{ lastActiveMs: 1, bytes: 1, lagBytes: 0, skips: 0 },
  }));
  await state.heartbeat({ worker, streams: [], clients, gone: [] });
}

test('a viewer at another node is ended there, and its record is gone when the answer comes', async () => {
  const { it, peers, id } = await cluster();
  await watchingElsewhere(it.state, id, 'w1', 'tv', 'radio');
  expect(await json(it.send('DELETE', '/clients/tv'))).toEqual({
    message: 'Client tv disconnected',
    confirmed: true,
  });
  expect(peers.asked).toEqual(['w1 disconnect tv any']);
  expect((await json(it.get('/clients'))).clients).toMatchObject([{ client_id: 'radio', node: 'w1' }]);
  expect((await it.send('DELETE', '/clients/tv')).status).toBe(404);
});

test('a node that does not answer does not fail the request, which says so', async () => {
  const { it, peers, id } = await cluster();
  await watchingElsewhere(it.state, id, 'w1', 'tv');
  peers.answers = false;
  const response = await it.send('DELETE', '/clients/tv');
  expect([response.status, (await json(response)).confirmed]).toEqual([200, false]);
  expect((await it.state.getStream(id))?.viewers).toBe(0);
});

test('what the records say of this node itself, where nobody is, is not found', async () => {
  const { it, peers, id } = await cluster();
  await watchingElsewhere(it.state, id, NODE_ID, 'ghost');
  expect((await it.send('DELETE', '/clients/ghost')).status).toBe(404);
  expect(peers.asked).toEqual([]);
});

test('a stream is ended at its owner and wherever it has viewers, and all of them are counted', async () => {
  const { it, peers, id } = await cluster();
  await watchingElsewhere(it.state, id, 'w1', 'a');
  await watchingElsewhere(it.state, id, 'w2', 'b', 'c');
  await it.state.claim(id, { id: 'w3', host: 'h' });
  await (await it.get(`/stream/${id}?client_id=d`)).text();
  await watchingElsewhere(it.state, id, NODE_ID, 'd');
  const answer = await json(it.send('DELETE', `/streams/${id}`));
  expect(answer.disconnected_clients).toBe(4);
  expect(peers.asked.sort()).toEqual([`w1 stop ${id}`, `w2 stop ${id}`, `w3 stop ${id}`]);
  expect(it.engine.stopped).toEqual([id]);
});

test('a stream that is watched is ended at every node, also where no record tells of a viewer; one that nobody watches, at none', async () => {
  const { it, peers, id } = await cluster();
  const [idle, watched] = await Promise.all(
    ['idle', 'watched'].map((name) => it.define({ url: `http://provider.example/${name}.ts` })),
  );
  // Of a viewer without a socket the records name one node of several.
  await watchingElsewhere(it.state, id, 'w1', 'a');
  await watchingElsewhere(it.state, watched!, 'w2', 'b');
  expect((await it.send('DELETE', `/streams/${idle}`)).status).toBe(200);
  expect(peers.asked).toEqual([]);
  expect((await it.send('DELETE', `/streams/${watched}`)).status).toBe(200);
  expect(peers.asked.sort()).toEqual([`w1 stop ${watched}`, `w2 stop ${watched}`]);
});

test('whoever leaves a stream at another node counts as gone, and only of that stream', async () => {
  const { it, peers, id } = await cluster();
  await watchingElsewhere(it.state, id, 'w1', 'me');
  const query = 'field=playlist&value=p&force=false&client_id';
  const kept = await json(it.send('DELETE', `/streams/by-metadata?${query}=somebody-else`));
  expect(kept.skipped_streams).toMatchObject([{ reason: 'has_active_clients', active_clients: 1 }]);
  expect(peers.asked).toEqual([]);
  const deleted = await json(it.send('DELETE', `/streams/by-metadata?${query}=me`));
  expect(deleted.deleted_streams).toEqual([id]);
  expect(peers.asked[0]).toBe(`w1 disconnect me ${id}`);
});

/** A viewer without a socket, which asks those nodes in turn; the state in use here knows of one node only. */
function asksAllOf(it: GatewayUnderTest, id: string, node: string, ...alsoAt: string[]): void {
  const getClient = it.state.getClient.bind(it.state);
  it.state.getClient = async (clientId) => {
    const record = await getClient(clientId);
    return record && { ...record, streamId: id, node, segments: 1, alsoAt };
  };
}

test('a viewer that asks several nodes in turn is one in lists, and ended at all of them', async () => {
  const { it, peers, id } = await cluster();
  await watchingElsewhere(it.state, id, 'w1', 'tv', 'radio');
  asksAllOf(it, id, NODE_ID, 'w1', 'w2');
  expect((await it.send('DELETE', '/clients/tv')).status).toBe(200);
  expect(peers.asked.splice(0)).toEqual(['w1 disconnect tv any', 'w2 disconnect tv any']);
  it.engine.viewers = () => [
    {
      ...{
        clientId: 'radio',
        streamId: id,
        ip: '192.0.2.1',
        userAgent: 'VLC',
        connectedAt: 1,
        lastActive: 2,
      },
      ...{ bytes: 5, lagBytes: 0, skips: 0, segments: 3 },
    },
  ];
  it.engine.disconnect = () => true;
  expect((await json(it.get('/clients'))).clients).toMatchObject([{ client_id: 'radio', node: NODE_ID }]);
  expect((await it.send('DELETE', '/clients/radio')).status).toBe(200);
  expect(peers.asked).toEqual([`w1 disconnect radio ${id}`, `w2 disconnect radio ${id}`]);
});

test('a player without a socket that zaps here is ended at the other node that it asked, on that stream', async () => {
  const { it, peers, id } = await cluster();
  const other = await it.define({ url: 'http://provider.example/other.ts', shared: true });
  await watchingElsewhere(it.state, other, 'w1', 'tv');
  asksAllOf(it, other, NODE_ID, 'w1');
  await (await it.get(`/stream/${id}?client_id=tv`)).text();
  expect(peers.asked).toEqual([`w1 disconnect tv ${other} (has moved)`]);
});

test('a direct stream counts the viewers of all nodes, whichever is asked', async () => {
  const { it } = await cluster();
  const direct = await it.define({ url: 'http://provider.example/direct.ts' });
  await watchingElsewhere(it.state, direct, 'g2', 'a', 'b');
  const [elsewhere] = (await json(it.get('/streams'))).streams;
  expect(elsewhere).toMatchObject({ stream_id: direct, client_count: 2, state: 'live' });
  await (await it.get(`/stream/${direct}?client_id=c`)).text();
  await watchingElsewhere(it.state, direct, NODE_ID, 'c');
  expect((await json(it.get(`/streams/${direct}`))).client_count).toBe(3);
  expect((await json(it.get('/stats'))).total_clients).toBe(3);
});

test('a player that comes here under the id it has elsewhere is ended there, unless it reads a file in places', async () => {
  const { it, peers, id } = await cluster();
  const other = await it.define({ url: 'http://provider.example/other.ts', shared: true });
  const film = await it.define({ url: 'http://provider.example/film.mp4' });
  await watchingElsewhere(it.state, other, 'w1', 'tv');
  await (await it.get(`/stream/${film}?client_id=tv`)).text();
  await (await it.get(`/stream/${id}?client_id=nobody-yet`)).text();
  await (await it.get(`/stream/${id}`)).text();
  expect(peers.asked).toEqual([]);
  await (await it.get(`/stream/${id}?client_id=tv`)).text();
  expect(peers.asked).toEqual([`w1 disconnect tv ${other} (has moved)`]);
});
