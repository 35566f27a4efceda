import { describeConfig, settingsMarkdown } from '../config/describe.ts';
import { loadConfig } from '../config/load.ts';
import { NAMES_WITHOUT_EFFECT, setWithoutEffect } from '../config/names-without-effect.ts';
import { table } from '../output/table.ts';

/** What is in force and where it comes from, or (Markdown) what there is to set. */
export function configCommand(options: { json?: boolean; markdown?: boolean }): string {
  if (options.markdown) return settingsMarkdown();
  const loaded = loadConfig({ env: process.env, directory: process.cwd() });
  const settings = describeConfig(loaded);
  const ignored = setWithoutEffect(loaded.env);
  if (options.json) return JSON.stringify({ settings, without_effect: ignored }, null, 2);
  const rows = table(
    [
      { title: 'SETTING', cell: ({ name }) => name },
      { title: 'VALUE', cell: ({ value }) => value },
      { title: 'FROM', cell: ({ source }) => source },
    ],
    settings,
  );
  const notes = ignored.map((name) => `${name} is set but has no effect: ${NAMES_WITHOUT_EFFECT[name]}`);
  return [rows, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}
