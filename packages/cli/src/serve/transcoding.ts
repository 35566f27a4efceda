import { isStreampoolError } from '@streampool/errors';
import { checkFfmpeg, detectHardware, listProfiles, resolveTranscode } from '@streampool/ffmpeg';
import type { TranscodeAbilities, TranscodeApi } from '@streampool/gateway';
import type { Logger } from 'pino';
import type { Config } from '../config/settings.ts';

/** Finds out what this machine can do, once: definitions of streams hold the arguments that follow from it. */
export async function transcoding(
  { ffmpegPath, hardwareEncoders }: Config,
  log: Logger,
): Promise<TranscodeApi> {
  try {
    const { version } = await checkFfmpeg(ffmpegPath);
    const encoders = await workingEncoders(ffmpegPath, hardwareEncoders, log);
    log.info({ ffmpeg: version, encoders }, 'FFmpeg found');
    const family = encoders[0]?.split('_')[1];
    return transcodeApi({
      abilities: {
        ffmpegVersion: `ffmpeg version ${version}`,
        ...(family !== undefined && { hardware: { type: family } }),
      },
      encoders,
    });
  } catch (error) {
    if (!isStreampoolError(error, 'FFMPEG_MISSING')) throw error;
    log.warn(
      { err: error },
      'no FFmpeg: streams are passed on as they are, transcoding answers FFMPEG_MISSING',
    );
    return transcodeApi({ abilities: {}, encoders: [], missing: error });
  }
}

async function workingEncoders(
  ffmpegPath: string,
  wanted: readonly string[],
  log: Logger,
): Promise<string[]> {
  if (wanted.includes('none')) return [];
  if (!wanted.includes('auto')) return [...wanted];
  const { encoders } = await detectHardware({ ffmpegPath });
  log.debug({ encoders }, 'hardware encoders tried');
  return encoders.filter(({ works }) => works).map(({ name }) => name);
}

/** What the gateway asks about transcoding, answered by the FFmpeg of this machine. */
function transcodeApi(options: {
  abilities: TranscodeAbilities;
  /** Encoders that were tried and work. */
  encoders: readonly string[];
  /** Why there is no FFmpeg. */
  missing?: Error;
}): TranscodeApi {
  const { abilities, encoders, missing } = options;
  return {
    abilities: () => abilities,
    listProfiles: () =>
      listProfiles().map(({ name, description, template }) => ({ name, description, parameters: template })),
    defaultVariables: () => DEFAULT_VARIABLES,
    resolve({ profile, variables, outputFormat }) {
      if (missing !== undefined) throw missing;
      return resolveTranscode({
        profile,
        variables,
        ...(outputFormat !== undefined && { outputFormat }),
        hardware: encoders,
      });
    },
  };
}

/** What the variables of the profiles are where nobody says otherwise; the first profile goes before the others. */
const DEFAULT_VARIABLES: Readonly<Record<string, string>> = commonDefaults();

function commonDefaults(): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { template } of listProfiles()) {
    for (const [, name = '', value = ''] of template.matchAll(/\{(\w+)\|([^}]*)\}/g)) values[name] ??= value;
  }
  return values;
}
