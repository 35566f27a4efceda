import { readFileSync, writeFileSync } from 'node:fs';
import { fullRegistry, referenceTable } from './metrics-reference.ts';

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
