import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { StreampoolError } from '@streampool/errors';
import { listProfiles, resolveTranscode } from '@streampool/ffmpeg';
import type { TranscodeAbilities, TranscodeApi } from '@streampool/gateway';

const VERSION_TIMEOUT_MS = 10_000;

/** FFmpeg's first line, or why there is none. Starts the program once. */
export async function ffmpegVersion(path: string): Promise<{ version: string } | { problem: string }> {
  try {
    const { stdout } = await promisify(execFile)(path, ['-hide_banner', '-version'], {
      timeout: VERSION_TIMEOUT_MS,
    });
    const version = stdout.split('\n', 1)[0]?.trim() ?? '';
    return version.startsWith('ffmpeg version') ? { version } : { problem: `${path} is not FFmpeg` };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return {
      problem: code === 'ENOENT' ? `there is no program ${path}` : `${path} cannot be started (${code})`,
    };
  }
}

/** What the gateway asks about transcoding, answered by the FFmpeg of this machine. */
export function transcodeApi(options: {
  abilities: TranscodeAbilities;
  /** Encoders that were tried and work. */
  encoders: readonly string[];
}): TranscodeApi {
  const { abilities, encoders } = options;
  return {
    abilities: () => abilities,
    listProfiles: () =>
      listProfiles().map(({ name, description, template }) => ({ name, description, parameters: template })),
    defaultVariables: () => DEFAULT_VARIABLES,
    resolve({ profile, variables, outputFormat }) {
      if (abilities.ffmpegVersion === undefined) {
        throw new StreampoolError(
          'FFMPEG_MISSING',
          'There is no FFmpeg on this server: install it, or set FFMPEG_PATH',
        );
      }
      return resolveTranscode({
        profile,
        variables,
        ...(outputFormat !== undefined && { outputFormat }),
        hardware: encoders,
      });
    },
  };
}

/** What the variables of the profiles are where nobody says otherwise, as far as the profiles agree. */
const DEFAULT_VARIABLES: Readonly<Record<string, string>> = commonDefaults();

function commonDefaults(): Record<string, string> {
  const values = new Map<string, Set<string>>();
  for (const { template } of listProfiles()) {
    for (const [, name, value] of template.matchAll(/\{(\w+)\|([^}]*)\}/g)) {
      const known = values.get(name!) ?? new Set();
      values.set(name!, known.add(value!));
    }
  }
  const defaultTemplate = listProfiles()[0]?.template ?? '';
  return Object.fromEntries(
    [...values].map(([name, seen]) => {
      const own = new RegExp(`\\{${name}\\|([^}]*)\\}`).exec(defaultTemplate)?.[1];
      return [name, own ?? [...seen][0] ?? ''];
    }),
  );
}
