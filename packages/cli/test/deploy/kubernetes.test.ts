import { documents, shippedIn, type Yaml } from './shipped.ts';

const files = shippedIn('deploy/kubernetes', '.yaml');
const all: { path: string; document: Yaml }[] = files.flatMap((path) =>
  documents(path).map((document) => ({ path, document })),
);
const kustomization = all.find(({ document }) => document.kind === 'Kustomization')!.document;
const objects = all
  .filter(({ document }) => document.apiVersion && document.kind !== 'Kustomization')
  .map(({ path, document }) => ({ name: `${path}: ${document.kind} ${document.metadata.name}`, document }));
const ofKind = (kind: string): Yaml[] =>
  objects.map(({ document }) => document).filter((document) => document.kind === kind);

/**
 * The data behind a proxy that notes which fields the check has looked at: it looks at all that it knows, so the others are
 * misspelt. (The schemas allow further fields, as the API server's own check does not.)
 */
function watched(data: Yaml, path: string, unread: Set<string>): Yaml {
  if (typeof data !== 'object' || data === null) return data;
  const children: Yaml = Array.isArray(data) ? [] : {};
  for (const [key, value] of Object.entries(data)) {
    children[key] = watched(value, `${path}/${key}`, unread);
    unread.add(`${path}/${key}`);
  }
  return new Proxy(children, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return target[key];
    },
  });
}

/** What is wrong with an object: by the schema of its kind, and fields that the schema does not know. */
async function faults(document: Yaml): Promise<string[]> {
  const { apiVersion, kind } = document;
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  const capital = (word: string): string => word.replace(/^./, (letter) => letter.toUpperCase());
  const name = `IoK8sApi${capital(group.split('.')[0])}${capital(version)}${kind}`;
  const { validate }: Yaml = await import(`kubernetes-models/_schemas/${name}`);
  const unread = new Set<string>();
  validate(watched(document, '', unread));
  const errors = (validate.errors ?? []).map(
    ({ instancePath, message, keyword }: Yaml) => `${instancePath} ${message ?? keyword}`,
  );
  return [...errors, ...[...unread].map((path) => `${path} is unknown`)];
}

test.each(objects)('$name is what the schemas of Kubernetes allow', async ({ document }) => {
  expect(await faults(document)).toEqual([]);
});

test('the check of manifests notices wrong values and misspelt fields', async () => {
  const [gateway] = ofKind('Deployment');
  const misspelt = structuredClone(gateway);
  misspelt.spec.template.spec.containers[0].readynessProbe = {};
  misspelt.specs = {};
  expect(await faults(misspelt)).toEqual([
    '/spec/template/spec/containers/0/readynessProbe is unknown',
    '/specs is unknown',
  ]);
  const wrong = structuredClone(gateway);
  wrong.spec.replicas = 'two';
  expect(await faults(wrong)).toContainEqual(expect.stringMatching(/^\/spec\/replicas /));
});

test('pods are what selectors look for', () => {
  const pods = ofKind('Deployment').map(({ spec }) => spec.template.metadata.labels);
  const labels = pods.map((pod) => pod['app.kubernetes.io/name']);
  const wanted = [
    ...ofKind('Service').map(({ spec }) => spec.selector),
    ...ofKind('PodDisruptionBudget').map(({ spec }) => spec.selector.matchLabels),
    ...ofKind('Deployment').map(({ spec }) => spec.selector.matchLabels),
    ...ofKind('NetworkPolicy').map(({ spec }) => spec.podSelector.matchLabels),
  ];
  expect(wanted.length).toBeGreaterThan(8);
  for (const selector of wanted) expect(labels).toContain(selector['app.kubernetes.io/name']);
});

test('what objects name is there', () => {
  for (const { spec } of ofKind('HorizontalPodAutoscaler')) {
    expect(ofKind('Deployment').map(({ metadata }) => metadata.name)).toContain(spec.scaleTargetRef.name);
  }
  const ports = (spec: Yaml): string[] =>
    spec.template.spec.containers.flatMap((container: Yaml) =>
      container.ports.map((port: Yaml) => port.name),
    );
  for (const { spec } of ofKind('Service')) {
    const target = ofKind('Deployment').find(
      (deployment) =>
        deployment.spec.template.metadata.labels['app.kubernetes.io/name'] ===
        spec.selector['app.kubernetes.io/name'],
    );
    for (const port of spec.ports) expect(ports(target.spec)).toContain(port.targetPort);
  }
  for (const resource of kustomization.resources) expect(files).toContain(`deploy/kubernetes/${resource}`);
  // Secrets are made by hand, the example and the adapter's rules are no part of what is applied.
  const applied = new Set(kustomization.resources);
  const left = files.map((path) => path.split('/').at(-1)!).filter((file) => !applied.has(file));
  expect(left.sort()).toEqual([
    'kustomization.yaml',
    'prometheus-adapter.example.yaml',
    'secret.example.yaml',
  ]);
});

test.each(ofKind('Deployment').map(({ metadata, spec }) => [metadata.name, spec]))(
  '%s: its containers are not root, may not become it, and have limits',
  (_, { template: { spec } }) => {
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: expect.any(Number) });
    for (const { securityContext, resources, readinessProbe, livenessProbe } of spec.containers) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(resources).toEqual({
        requests: { cpu: expect.any(String), memory: expect.any(String) },
        limits: { memory: expect.any(String) },
      });
      expect([readinessProbe, livenessProbe]).not.toContain(undefined);
    }
  },
);
