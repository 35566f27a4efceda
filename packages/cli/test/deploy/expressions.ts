import { documents, shipped, shippedIn, type Yaml } from './shipped.ts';

export interface Expression {
  /** Where it stands, for messages. */
  readonly where: string;
  readonly text: string;
}

/** Of Prometheus and prom-client; that they are there, the test with a real Prometheus sees to. */
export const OTHER_SERIES = [
  'up',
  'ALERTS',
  'nodejs_eventloop_lag_p99_seconds',
  'process_cpu_seconds_total',
  'process_max_fds',
  'process_open_fds',
  'process_resident_memory_bytes',
];
/** Every rule of deploy/prometheus. */
export function rules(): { readonly record?: string; readonly alert?: string; readonly expr: string }[] {
  return shippedIn('deploy/prometheus/rules', '.yml').flatMap((path) =>
    documents(path).flatMap(({ groups }) => groups.flatMap((group: Yaml) => group.rules)),
  );
}

/** Every question of the dashboards, with their variables filled in. */
export function dashboardExpressions(): Expression[] {
  return shippedIn('deploy/grafana', '.json').flatMap((path) => {
    const { panels, annotations } = JSON.parse(shipped(path)) as Yaml;
    const ofPanels = panels.flatMap(({ title, targets = [] }: Yaml) =>
      targets.map(({ expr }: Yaml) => ({ where: `${path}: ${title}`, text: expr })),
    );
    const ofNotes = annotations.list.flatMap(({ name, expr }: Yaml) =>
      expr ? [{ where: `${path}: ${name}`, text: expr }] : [],
    );
    return [...ofPanels, ...ofNotes].map(({ where, text }) => ({
      where,
      text: text
        .replaceAll('$__rate_interval', '1m')
        .replaceAll('$job', 'streampool')
        .replaceAll('$instance', '.*'),
    }));
  });
}

/** The metrics that docs/metrics.md describes, with their labels: what the program has, as a test of the gateway sees to. */
export function documentedMetrics(): Map<string, { type: string; labels: string[] }> {
  const rows = shipped('docs/metrics.md').matchAll(/^\| `(streampool_\w+)` \| (\w+) \| (.*?) \|/gm);
  return new Map(
    [...rows].map(([, name, type, labels]) => [
      name!,
      { type: type!, labels: [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label!) },
    ]),
  );
}

/** Names of series in a question. */
export function seriesIn(expression: string): string[] {
  const withoutText = expression
    .replaceAll(/"[^"]*"/g, '""')
    .replaceAll(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, ' ');
  const withoutLabels = withoutText.replaceAll(/\{[^}]*\}/g, ' ');
  const words = withoutLabels.matchAll(/\b[a-zA-Z_:][\w:]*\b(?!\s*\()/g);
  const operators = new Set(['and', 'or', 'unless', 'bool', 'm', 's', 'h', 'inf']);
  return [...words].flatMap(([word]) =>
    /[_:]|^up$|^ALERTS$/.test(word) && !operators.has(word) ? [word] : [],
  );
}

/** Labels that a question asks of a series or groups by. */
export function labelsIn(expression: string): string[] {
  const matchers = [...expression.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label!);
  const groups = [...expression.matchAll(/\b(?:by|without)\s*\(([^)]*)\)/g)].flatMap(([, list]) =>
    list!.split(/\s*,\s*/),
  );
  return [...matchers, ...groups];
}
