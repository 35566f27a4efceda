import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ClusterNode, run, waitFor } from '@streampool/testkit';
import { ClusterStage } from '../cluster/cluster-stage.ts';
import { dashboardExpressions, documentedMetrics, OTHER_SERIES } from './expressions.ts';
import { PrometheusServer } from './prometheus-server.ts';

const HAS_PROMETHEUS = (process.env.PATH ?? '')
  .split(':')
  .some((path) => existsSync(join(path, 'prometheus')));
const TOKEN = 'a-token-of-the-api';

/** Longer than the suite may take; scripts/check-monitoring runs it. */
const testAtLength = process.env.STREAMPOOL_LONG_TESTS === '1' ? test : test.skip;

// Where it is missing, the names say what to install.
const withPrometheus = HAS_PROMETHEUS ? describe : describe.skip;
withPrometheus('a real Prometheus (apt-get install prometheus)', () => {
  const stage = new ClusterStage();
  let prometheus: PrometheusServer;

  beforeAll(async () => {
    await stage.open({
      ...{ gateways: 1, workers: 2 },
      env: { API_TOKEN: TOKEN, CLEANUP_INTERVAL: '1', SHARED_STREAM_TIMEOUT: '30' },
    });
    const gateway = stage.gateways[0]!.url;
    // Two that list the same nodes, as two gateways do.
    prometheus = await PrometheusServer.start({ gateways: [gateway, gateway], token: TOKEN });
  });
  afterAll(async () => {
    await prometheus?.close();
    await stage.close();
  });

  const targets = async () =>
    (
      await prometheus.api<{
        activeTargets: { health: string; lastError: string; labels: Record<string, string> }[];
      }>('targets', { state: 'active' })
    ).activeTargets;
  const up = async () =>
    (await targets()).flatMap(({ health, labels }) =>
      health === 'up' ? [`${labels.role} ${labels.node}`] : [],
    );
  const everybody = ['gateway gateway-0', 'worker worker-0', 'worker worker-1'];
  const isEverybodyUp = async () => (await up()).sort().join() === everybody.join();
  const waitForEverybody = () =>
    waitFor(isEverybodyUp, {
      timeoutMs: 40_000,
      everyMs: 100,
      what: () => `all nodes being scraped: ${prometheus.logs()}`,
    });
  const waitForAlerts = (what: string, wanted: (firing: string[]) => boolean, timeoutMs = 45_000) => {
    let seen: string[] = [];
    const isSo = async (): Promise<boolean> => {
      seen = await prometheus.firing();
      return wanted(seen);
    };
    return waitFor(isSo, { timeoutMs, everyMs: 100, what: () => `${what}; firing: ${seen}` });
  };

  test('finds the nodes by service discovery, takes the rules, and answers what the dashboard asks', async () => {
    await waitForEverybody();
    expect(await targets()).toHaveLength(3);
    const { groups } = await prometheus.api<{ groups: { rules: { health: string; name: string }[] }[] }>(
      'rules',
    );
    const sick = groups.flatMap(({ rules }) => rules.filter(({ health }) => health === 'err'));
    expect([sick, groups.length]).toEqual([[], 4]);
    for (const { where, text } of dashboardExpressions()) {
      // A question that is none is answered with an error.
      expect([where, await prometheus.query(text)]).toEqual([where, expect.any(Array)]);
    }
    for (const name of OTHER_SERIES.filter((name) => name !== 'ALERTS')) {
      expect([name, (await prometheus.query(name)).length]).toEqual([name, 3]);
    }
    expect(await prometheus.query('max by (node_role) (streampool_nodes{status="ready"})')).toEqual([1, 2]);
    expect(
      (await prometheus.query('streampool_state_operation_duration_seconds_count')).length,
    ).toBeGreaterThan(5);
    // Until the nodes were found, "knows of no process" was true, and rules are asked once a second only.
    await waitForAlerts('peace', (firing) => firing.length === 0);
  });

  test.each(['gateway', 'worker'])('promtool has nothing to say of what a %s shows', async (role) => {
    const nodes: readonly ClusterNode[] = role === 'gateway' ? stage.gateways : stage.workers;
    const response = await fetch(`${nodes[0]!.url}/metrics`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    const input = Buffer.from(await response.arrayBuffer());
    const { code, stdout, stderr } = await run('promtool', ['check', 'metrics'], { input });
    expect({ code, said: `${stdout}${stderr}` }).toEqual({ code: 0, said: '' });
    const names = [...`${input}`.matchAll(/^# TYPE (streampool_\w+)/gm)].map(([, name]) => name!);
    expect(names.filter((name) => !documentedMetrics().has(name))).toEqual([]);
  });

  test('alerts when a worker is killed, and stops when it is back', async () => {
    await waitForEverybody();
    const [, worker] = stage.workers;
    await worker!.kill();
    await waitForAlerts('a node being down', (firing) => firing.includes('StreampoolNodeDown'));
    const alerts = await prometheus.alerts();
    expect(alerts.filter(({ labels }) => labels.alertname === 'StreampoolNodeDown')).toMatchObject([
      { labels: { role: 'worker', node: 'worker-1', severity: 'page' } },
    ]);
    await worker!.start();
    await waitForAlerts('peace again', (firing) => !firing.includes('StreampoolNodeDown'));
    await waitForEverybody();
  });

  testAtLength('tells of a worker that died and was cleared away, until it is history', async () => {
    await waitForEverybody();
    await stage.workers[1]!.kill();
    // Its lease has to run out.
    await waitForAlerts('a node being lost', (firing) => firing.includes('StreampoolNodeLost'), 60_000);
    await waitFor(async () => (await targets()).length === 2, {
      timeoutMs: 30_000,
      what: 'it being no target',
    });
    await waitForAlerts('peace again', (firing) => firing.length === 0, 60_000);
  });
});
