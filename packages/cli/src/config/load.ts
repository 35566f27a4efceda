import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { StreampoolError } from '@streampool/errors';
import { type Config, configSchema, SETTING_NAMES, type SettingName, settingOf } from './settings.ts';

/** Where a value comes from. Earlier ones win. */
export type Source = 'command line' | 'environment' | '.env' | 'default';

export interface LoadedConfig {
  readonly config: Config;
  readonly sources: Readonly<Record<SettingName, Source>>;
  /** The environment with what `.env` adds. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface LoadOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `.env` is looked for. */
  readonly directory: string;
  /** Values of the command line. */
  readonly overrides?: Readonly<Partial<Record<SettingName, string>>>;
}

/**
 * Reads every setting. Empty variables count as not set, as compose files leave them.
 * @throws StreampoolError CONFIG_INVALID naming each wrong one, its value (unless secret), where it was set, and what is allowed
 */
export function loadConfig({ env, directory, overrides = {} }: LoadOptions): LoadedConfig {
  const file = readEnvFile(join(directory, '.env'));
  const texts: Partial<Record<SettingName, string>> = {};
  const sources = {} as Record<SettingName, Source>;
  for (const name of SETTING_NAMES) {
    const { env: variable, default: byDefault, former } = settingOf(name);
    const formerly = (from: LoadOptions['env']): string | undefined => {
      const value = former && from[former.env];
      return value && former.read(value);
    };
    const candidates: [Source, string | undefined][] = [
      ['command line', overrides[name]],
      ['environment', env[variable] || formerly(env)],
      ['.env', file[variable] || formerly(file)],
    ];
    const found = candidates.find(([, value]) => value !== undefined && value !== '');
    const value = found?.[1] ?? byDefault;
    sources[name] = found?.[0] ?? 'default';
    if (value !== undefined) texts[name] = value;
  }
  const result = configSchema.safeParse(texts);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => {
      const name = issue.path[0] as SettingName;
      return describeProblem(name, texts[name] ?? '', sources[name]);
    });
    throw new StreampoolError('CONFIG_INVALID', problems.join('\n'));
  }
  return { config: result.data, sources, env: { ...file, ...env } };
}

function describeProblem(name: SettingName, value: string, source: Source): string {
  const { env, secret, type } = settingOf(name);
  const shown = secret ? 'what it is set to' : JSON.stringify(value);
  return `${env} cannot be ${shown} (from the ${source === '.env' ? 'file .env' : source}): it must be ${type.allowed}`;
}

/** @throws StreampoolError CONFIG_INVALID where there is one that cannot be read */
function readEnvFile(path: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new StreampoolError('CONFIG_INVALID', `The file .env cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
