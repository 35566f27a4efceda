import { readFileSync } from 'node:fs';
import { settingsMarkdown } from '../src/config/describe.ts';

test('docs/settings.md tells of every setting there is (scripts/generate-settings makes it)', () => {
  const page = readFileSync(new URL('../../../docs/settings.md', import.meta.url), 'utf8');
  expect(page.slice(page.indexOf('**')).trim()).toBe(settingsMarkdown().trim());
});
