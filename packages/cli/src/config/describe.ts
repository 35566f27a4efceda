import type { LoadedConfig, Source } from './load.ts';
import { SETTING_NAMES, SETTINGS, type SettingName, settingOf } from './settings.ts';

/** One setting in force. */
export interface DescribedSetting {
  readonly name: string;
  /** As it would be written; secrets are hidden; null where not set. */
  readonly value: string | null;
  readonly source: Source;
  readonly about: string;
}

export function describeConfig({ config, sources }: LoadedConfig): DescribedSetting[] {
  return SETTING_NAMES.map((name) => {
    const { env, secret, type, about } = settingOf(name);
    const value = config[name];
    return {
      name: env,
      value: value === undefined ? null : secret ? '***' : type.show(value),
      source: sources[name],
      about,
    };
  });
}

/** The default as it is documented. This machine's name is nobody else's default. */
export function documentedDefault(name: SettingName): string {
  if (name === 'workerId') return 'the host’s name';
  return SETTINGS[name].default ?? '';
}

/** All settings as Markdown tables, for docs/settings.md. */
export function settingsMarkdown(): string {
  const groups = [...new Set(SETTING_NAMES.map((name) => settingOf(name).group))];
  return groups
    .map((group) => {
      const rows = SETTING_NAMES.filter((name) => settingOf(name).group === group).map((name) => {
        const { env, about, type } = settingOf(name);
        const byDefault = documentedDefault(name);
        const shown = byDefault === '' ? '–' : name === 'workerId' ? byDefault : `\`${byDefault}\``;
        return `| \`${env}\` | ${shown} | ${escapeCell(about)} | ${escapeCell(type.allowed)} |`;
      });
      return `**${group}**\n\n| Variable | Default | What it does | Allowed |\n|---|---|---|---|\n${rows.join('\n')}\n`;
    })
    .join('\n');
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
