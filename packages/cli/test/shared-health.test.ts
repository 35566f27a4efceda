import { type ClusterState, SqliteClusterState } from '@streampool/state';
import { RedisClusterState } from '@streampool/state/redis';
import { SharedHealth, systemClock } from '@streampool/streaming';
import { RedisServer, waitFor } from '@streampool/testkit';

/** Two nodes of a cluster that ask for the same sources. */
function nodes(state: ClusterState): [SharedHealth, SharedHealth] {
  const [one, other] = ['one', 'other'].map(
    (node) =>
      new SharedHealth({
        ...{ node, clock: systemClock, intervalMs: 200, random: () => 0 },
        store: (exchange) => state.exchangeSources(exchange),
      }),
  );
  return [one as SharedHealth, other as SharedHealth];
}

async function expectShared(state: ClusterState): Promise<void> {
  const [one, other] = nodes(state);
  try {
    one.begin('bad').failed('refused');
    await waitFor(() => other.waitMs('bad') > 0, { what: 'the other node knows' });
    // When the pause is over one of them finds out, and the other one waits for it.
    await waitFor(() => one.waitMs('bad') <= 50 && other.waitMs('bad') <= 50, { what: 'the pause is over' });
    const may = (node: SharedHealth): boolean => {
      node.want('bad');
      return node.waitMs('bad') === 0;
    };
    await waitFor(() => may(one), { what: 'one may find out' });
    const attempt = one.begin('bad');
    await waitFor(() => !may(other) && other.waitMs('bad') > 1_000, { what: 'the other node waits' });
    attempt.played();
    await waitFor(() => other.waitMs('bad') === 0, { what: 'the source is known to be well' });
    other.begin('bad').played();
    attempt.stable();
  } finally {
    await Promise.all([one.close(), other.close()]);
    await state.close();
  }
}

test('nodes share circuit breakers in a file', () =>
  expectShared(new SqliteClusterState({ path: ':memory:' })));

test('nodes share circuit breakers in Redis', async () => {
  const redis = await RedisServer.start();
  try {
    await expectShared(new RedisClusterState({ url: redis.url }));
  } finally {
    await redis.close();
  }
});
