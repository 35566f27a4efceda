import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DCLinter } from 'dclint';
import { documents, ROOT, shipped, type Yaml } from './shipped.ts';

const ORDER = ['service-keys-order', 'services-alphabetical-order', 'top-level-properties-order'];
const FILE = 'docker-compose.cluster.yml';
const [compose] = documents(FILE);
const services = Object.entries<Yaml>(compose.services);

test('it is what the Compose specification allows, and the linter has nothing to say', async () => {
  // The order of keys is for readers: what belongs together stands together. Where the port is bound is said by a variable,
  // which the linter does not read.
  const rules = Object.fromEntries([...ORDER, 'no-unbound-port-interfaces'].map((rule) => [rule, 0]));
  const linter = new DCLinter({ rules, quiet: false, debug: false, exclude: [] } as Yaml);
  const [result] = await linter.lintFiles([join(ROOT, FILE)], false);
  expect(result!.messages.map(({ line, message }: Yaml) => `${line}: ${message}`)).toEqual([]);
});

test('one port is published, the balancer’s', () => {
  expect(services.filter(([, { ports }]) => ports).map(([name]) => name)).toEqual(['balancer']);
  expect(compose.services.balancer.ports).toEqual([
    expect.stringMatching(/^\$\{PUBLISHED_ADDRESS:-[\d.]+\}:.+:8080$/),
  ]);
});

test.each(services)('%s is watched over, limited, and stopped in its own time', (name, service) => {
  // The nodes' health check is in their image.
  if (!service.image.startsWith('streampool:')) expect(service.healthcheck.test[0]).toBe('CMD');
  expect(service.stop_grace_period).toMatch(/^\d+s$/);
  expect(service.restart).toBe('unless-stopped');
  const { cpus, memory } = service.deploy.resources.limits;
  expect([Number(cpus) > 0, /^\d+[MG]$/.test(memory)]).toEqual([true, true]);
  for (const [needed, { condition }] of Object.entries<Yaml>(service.depends_on ?? {})) {
    expect(Object.keys(compose.services)).toContain(needed);
    expect(condition).toBe('service_healthy');
  }
  for (const network of service.networks) expect(Object.keys(compose.networks)).toContain(network);
  for (const volume of service.volumes ?? []) {
    const [source] = volume.split(':');
    const exists = source.startsWith('./') ? existsSync(join(ROOT, source)) : source in compose.volumes;
    expect([name, source, exists]).toEqual([name, source, true]);
  }
});

test('no secret stands in it, and none has a default', () => {
  const text = shipped(FILE);
  for (const [, name, rest] of text.matchAll(/\$\{(\w*(?:TOKEN|SECRET|PASSWORD)\w*)([^}]*)\}/g)) {
    expect([name, /^(?::\?.+|:-)$/.test(rest!)]).toEqual([name, true]);
  }
  expect(text).toMatch(/INTERNAL_TOKEN: \$\{INTERNAL_TOKEN:\?/);
});

test('Prometheus asks every node that there is', () => {
  const [{ scrape_configs }] = documents('deploy/prometheus/prometheus.yml');
  const targets: string[] = scrape_configs.flatMap((job: Yaml) =>
    job.static_configs.flatMap((group: Yaml) => group.targets),
  );
  const names = services.map(([name]) => name).filter((name) => /^(?:gateway|worker|balancer)/.test(name));
  expect(targets.map((target) => target.split(':')[0]).sort()).toEqual(names.sort());
});
