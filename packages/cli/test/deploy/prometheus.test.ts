import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@streampool/testkit';
import {
  dashboardExpressions,
  documentedMetrics,
  labelsIn,
  OTHER_SERIES,
  rules,
  seriesIn,
} from './expressions.ts';
import { ROOT, shipped, shippedIn } from './shipped.ts';

const HAS_PROMTOOL = (process.env.PATH ?? '').split(':').some((path) => existsSync(join(path, 'promtool')));
/** Where it is missing, these say so by their names. */
const withPromtool = HAS_PROMTOOL ? test : test.skip;
const HINT = '(apt-get install prometheus)';

/** Of every series, by scraping and service discovery, or of alerts and buckets. */
const OTHER_LABELS = ['job', 'instance', 'role', 'node', 'le', 'alertname', 'alertstate'];

async function promtool(...args: string[]): Promise<{ code: number | null; said: string }> {
  const { code, stdout, stderr } = await run('promtool', args, { cwd: join(ROOT, 'deploy/prometheus') });
  return { code, said: `${stdout}${stderr}` };
}

withPromtool.each(['prometheus.yml', 'prometheus-sd.yml'])(`promtool accepts %s ${HINT}`, async (file) => {
  // The token's file is there only where it runs.
  const answer = await promtool('check', 'config', '--syntax-only', file);
  expect(answer).toEqual({ code: 0, said: expect.stringContaining('valid') });
});

withPromtool(`promtool accepts the rules, and they do what their tests say ${HINT}`, async () => {
  const inFolder = (folder: string): string[] =>
    shippedIn(`deploy/prometheus/${folder}`, '.yml').map((path) => path.replace('deploy/prometheus/', ''));
  const checked = await promtool('check', 'rules', '--lint=all', '--lint-fatal', ...inFolder('rules'));
  expect(checked).toMatchObject({ code: 0 });
  const tested = await promtool('test', 'rules', ...inFolder('tests'));
  expect(tested).toEqual({ code: 0, said: expect.stringContaining('SUCCESS') });
});

test('every alert and every recorded figure has a test', () => {
  const tests = shippedIn('deploy/prometheus/tests', '.yml').map(shipped).join('\n');
  const untested = rules().flatMap(({ alert, record }) => {
    if (alert !== undefined) return tests.includes(`alertname="${alert}"`) ? [] : [alert];
    // Where an alert is made of it, the test of the alert tests it.
    const isUsed = rules().some(({ alert: user, expr }) => user !== undefined && expr.includes(record!));
    return isUsed || tests.includes(`${record}`) ? [] : [record];
  });
  expect(untested).toEqual([]);
});

test('alerts say how bad it is and what to do', () => {
  const headings = new Set(
    shipped('docs/operations.md')
      .match(/^#+ .*$/gm)
      ?.map((line) => line.replace(/^#+ /, '')),
  );
  const text = shipped('deploy/prometheus/rules/alerts.yml');
  const alerts = text.split('- alert: ').slice(1);
  for (const alert of alerts) {
    expect(alert).toMatch(/severity: (?:page|ticket)/);
    expect(alert).toMatch(/summary: \S/);
    expect(alert).toMatch(/description: \S/);
  }
  for (const [, heading] of text.matchAll(/docs\/operations\.md, "([^"]+)"/g))
    expect([...headings].map((it) => it.replaceAll('’', "'"))).toContain(heading);
});

test('rules and dashboards ask only for series and labels that there are', () => {
  const metrics = documentedMetrics();
  const series = new Set(OTHER_SERIES);
  for (const [name, { type }] of metrics) {
    if (type === 'histogram') for (const part of ['bucket', 'sum', 'count']) series.add(`${name}_${part}`);
    else series.add(name);
  }
  for (const { record } of rules()) if (record !== undefined) series.add(record);
  const labels = new Set([...OTHER_LABELS, ...[...metrics.values()].flatMap((metric) => metric.labels)]);
  const asked = [
    ...dashboardExpressions(),
    ...rules().map(({ expr, alert, record }) => ({ where: alert ?? record ?? '', text: expr })),
  ];
  expect(asked.length).toBeGreaterThan(60);
  for (const { where, text } of asked) {
    const names = seriesIn(text);
    expect([where, names.length > 0]).toEqual([where, true]);
    expect([where, names.filter((name) => !series.has(name))]).toEqual([where, []]);
    expect([where, labelsIn(text).filter((label) => !labels.has(label))]).toEqual([where, []]);
  }
});

test('the dashboard has its panels side by side, each with an id and a datasource of its own', () => {
  for (const path of shippedIn('deploy/grafana', '.json')) {
    const { panels, templating } = JSON.parse(shipped(path));
    const ids = panels.map(({ id }: { id: number }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(templating.list.map(({ name }: { name: string }) => name)).toEqual([
      'datasource',
      'job',
      'instance',
    ]);
    const taken = new Set<string>();
    for (const { gridPos, type, datasource } of panels) {
      if (type !== 'row') expect(datasource).toEqual({ type: 'prometheus', uid: '$'.concat('{datasource}') });
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x},${y}`)).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
  }
});
