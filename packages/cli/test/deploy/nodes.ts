import { documents, shipped, shippedIn, type Yaml } from './shipped.ts';

/** A process of Streampool as a file of `deploy/` starts it. */
export interface ShippedNode {
  readonly where: string;
  readonly command: string;
  /** What stands in the file, with names of the surroundings (`${API_TOKEN:?…}`, `$(POD_IP)`) filled in. */
  readonly env: Readonly<Record<string, string>>;
  /** How long it is given to stop, in seconds. */
  readonly stopSeconds: number;
}

/** What an operator has in `.env`, and what the surroundings know. */
const GIVEN: Readonly<Record<string, string>> = {
  INTERNAL_TOKEN: 'a-secret-of-an-operator',
  API_TOKEN: 'another-secret',
  POD_IP: '10.1.2.3',
};

/** Settings that the image itself makes. */
export function imageEnv(): Record<string, string> {
  const [, line = ''] = /^ENV (.+)$/m.exec(shipped('deploy/docker/Dockerfile')) ?? [];
  return pairs(line);
}

export function composeNodes(): ShippedNode[] {
  const [{ services }] = documents('docker-compose.cluster.yml');
  return Object.entries<Yaml>(services)
    .filter(([, { image }]) => image.startsWith('streampool:'))
    .map(([name, service]) => ({
      where: `compose: ${name}`,
      command: service.command[0],
      env: { ...imageEnv(), ...filled(service.environment, interpolated) },
      stopSeconds: Number(/^(\d+)s$/.exec(service.stop_grace_period)?.[1]),
    }));
}

export function kubernetesNodes(): ShippedNode[] {
  const all = shippedIn('deploy/kubernetes', '.yaml').flatMap(documents);
  const data = (kind: string): Record<string, string> => {
    const found = all.find((document) => document.kind === kind && document.metadata?.name === 'streampool');
    return found.data ?? found.stringData;
  };
  return all
    .filter(({ kind, spec }) => kind === 'Deployment' && containerOf(spec).image === 'streampool')
    .map(({ spec, metadata: { name } }) => {
      const { env, envFrom, args, lifecycle } = containerOf(spec);
      const named = Object.fromEntries(
        env.map((entry: Yaml) => [entry.name, entry.value ?? GIVEN[entry.name] ?? 'name-of-the-pod']),
      );
      const from = envFrom.map((source: Yaml) => data(source.configMapRef ? 'ConfigMap' : 'Secret'));
      const beforeStop = Number(lifecycle.preStop.exec.command[1]);
      return {
        where: `kubernetes: ${name}`,
        command: args[0],
        env: filled(Object.assign(imageEnv(), ...from, named), (text) =>
          text.replace(/\$\((\w+)\)/g, (_, variable: string) => GIVEN[variable] ?? `no ${variable}`),
        ),
        stopSeconds: spec.template.spec.terminationGracePeriodSeconds - beforeStop,
      };
    });
}

export function systemdNodes(): ShippedNode[] {
  return shippedIn('deploy/systemd', '.service').map((path) => {
    const text = shipped(path);
    const env = [...text.matchAll(/^Environment=(.+)$/gm)].map(([, line = '']) => pairs(line));
    return {
      where: path,
      command: /^ExecStart=.+ (\w+)$/m.exec(text)?.[1] ?? '',
      env: filled(Object.assign({}, ...env), (value) => value.replace(/%\w/g, 'x')),
      stopSeconds: Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1]),
    };
  });
}

function containerOf(spec: Yaml): Yaml {
  return spec.template.spec.containers[0];
}

function pairs(line: string): Record<string, string> {
  return Object.fromEntries(line.split(' ').map((pair) => pair.split('=') as [string, string]));
}

function filled(
  env: Readonly<Record<string, unknown>>,
  fill: (text: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, fill(String(value))]));
}

/** As Compose does: `${NAME:-default}`, `${NAME:?message}`. */
function interpolated(text: string): string {
  return text.replace(
    /\$\{(\w+)(?::([-?])([^}]*))?\}/g,
    (_, name: string, kind: string, rest: string) => GIVEN[name] ?? (kind === '-' ? rest : ''),
  );
}
