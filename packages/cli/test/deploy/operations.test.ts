import { SETTING_NAMES, settingOf } from '../../src/config/settings.ts';
import { shipped } from './shipped.ts';

/** STREAMPOOL_URL is of the commands that ask a server. */
const KNOWN = new Set([...SETTING_NAMES.map((name) => settingOf(name).env), 'STREAMPOOL_URL']);

test('every setting that the operations guide names is one', () => {
  const text = shipped('docs/operations.md');
  const named = [...text.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`/g)].map(([, name]) => name!);
  expect(named.length).toBeGreaterThan(10);
  const codes = shipped('packages/errors/src/catalogue.ts');
  const unknown = named.filter((name) => !KNOWN.has(name) && !codes.includes(`  ${name}: {`));
  expect([...new Set(unknown)]).toEqual([]);
});
