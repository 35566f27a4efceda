import { clusterConfig } from '../../src/cluster/cluster-config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { setWithoutEffect } from '../../src/config/names-without-effect.ts';
import { SETTING_NAMES, settingOf } from '../../src/config/settings.ts';
import { composeNodes, kubernetesNodes, type ShippedNode, systemdNodes } from './nodes.ts';
import { shipped } from './shipped.ts';

const KNOWN = new Set(SETTING_NAMES.map((name) => settingOf(name).env));
/** Of Node, and of Kubernetes for use in other values. */
const OTHERS = new Set(['NODE_ENV', 'NODE_COMPILE_CACHE', 'POD_IP']);
const REDIS = new Set(['REDIS_URL', 'REDIS_ENABLED']);

/** From the end of an orderly stop to that of the process, on a busy machine. */
const MARGIN_MS = 5_000;
/** Where SHUTDOWN_NOTICE is not set, and there is another gateway. */
const GATEWAY_NOTICE_MS = 3_000;

const nodes = [...composeNodes(), ...kubernetesNodes(), ...systemdNodes()];

test('deploy/ has a cluster for compose and Kubernetes, and units for every role', () => {
  const roles = (of: ShippedNode[]) => of.map(({ command }) => command).sort();
  expect(roles(composeNodes())).toEqual(['gateway', 'gateway', 'worker', 'worker', 'worker']);
  expect(roles(kubernetesNodes())).toEqual(['gateway', 'worker']);
  expect(roles(systemdNodes())).toEqual(['gateway', 'serve', 'worker']);
});

test.each(nodes)('$where sets nothing that Streampool does not know, and nothing it cannot take', (node) => {
  const unknown = Object.keys(node.env).filter((name) => !KNOWN.has(name) && !OTHERS.has(name));
  expect(unknown).toEqual([]);
  // What operators bring in files of their own is not here.
  const given = node.where.startsWith('deploy/systemd') && node.command !== 'serve' ? CLUSTER_ENV : {};
  const { config, sources } = loadConfig({ env: { ...node.env, ...given }, directory: '/nowhere' });
  expect(setWithoutEffect(node.env).filter((name) => !REDIS.has(name))).toEqual([]);
  if (node.command === 'serve') return;
  const hasOwnId = sources.workerId !== 'default';
  expect(hasOwnId).toBe(!node.where.includes('gateway.service'));
  clusterConfig(config, { hasOwnId });
});
const CLUSTER_ENV = { REDIS_URL: 'redis://redis:6379/0', INTERNAL_TOKEN: 'a-secret-of-an-operator' };

test.each(nodes)('$where is given more time to stop than it takes', ({ command, env, stopSeconds }) => {
  const { config } = loadConfig({ env, directory: '/nowhere' });
  const beforeMs = {
    serve: config.shutdownNoticeMs ?? 0,
    gateway: config.shutdownNoticeMs ?? GATEWAY_NOTICE_MS,
    worker: config.drainTimeoutMs,
  }[command]!;
  expect(stopSeconds * 1000).toBeGreaterThanOrEqual(beforeMs + config.shutdownTimeoutMs + MARGIN_MS);
});

test('nodes of a cluster have names and addresses of their own', () => {
  const compose = composeNodes();
  for (const name of ['WORKER_ID', 'WORKER_URL']) {
    expect(new Set(compose.map(({ env }) => env[name])).size).toBe(compose.length);
  }
  for (const { env } of kubernetesNodes()) expect(env.WORKER_URL).toBe('http://10.1.2.3:8085');
});

test('the balancer is told only what its configuration asks for', () => {
  const asked = new Set(
    [...shipped('deploy/haproxy/haproxy.cfg').matchAll(/^ +presetenv (\w+)/gm)].map(([, name]) => name),
  );
  const compose = shipped('docker-compose.cluster.yml');
  const block = /^ {2}balancer:[\s\S]*?environment:\n([\s\S]*?)^ {4}volumes:/m.exec(compose)?.[1] ?? '';
  const told = [...block.matchAll(/^ {6}(\w+):/gm)].map(([, name]) => name);
  expect(told.length).toBeGreaterThan(3);
  expect(told.filter((name) => !asked.has(name))).toEqual([]);
});
