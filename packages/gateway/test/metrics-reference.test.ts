import { readFileSync, writeFileSync } from 'node:fs';
import { describedMetrics, fullRegistry, referenceTable } from './metrics-reference.ts';

const FILE = new URL('../../../docs/metrics.md', import.meta.url);
const [BEGIN, END] = ['<!-- metrics: begin -->', '<!-- metrics: end -->'];

test('docs/metrics.md says of every metric what the program does (UPDATE_DOCS=1 writes it)', () => {
  const { registry, close } = fullRegistry();
  const table = referenceTable(registry);
  close();
  const text = readFileSync(FILE, 'utf8');
  const [before, rest = ''] = text.split(BEGIN);
  const [there, after] = rest.split(END);
  if (process.env.UPDATE_DOCS === '1') writeFileSync(FILE, `${before}${BEGIN}\n${table}\n${END}${after}`);
  else expect(there).toBe(`\n${table}\n`);
});

test('no label of ours is one that Prometheus gives, or service discovery', () => {
  const { registry, close } = fullRegistry();
  const labels = new Set(describedMetrics(registry).flatMap(({ labelNames }) => labelNames));
  close();
  // A second one of the name would be shown as exported_job, and whoever asks for job would get something else.
  for (const taken of ['job', 'instance', 'node', 'role']) expect([...labels]).not.toContain(taken);
});
