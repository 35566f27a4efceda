import { StreampoolError } from '@streampool/errors';
import { INPUT_PLACEHOLDER } from '../command-line.ts';
import { arrange } from '../template/arrange.ts';
import { checkFormat } from '../template/output.ts';
import { substitute } from '../template/placeholders.ts';
import { tokenize } from '../template/tokenize.ts';
import { shorten } from '../template/values.ts';
import { inputDefaults, outputDefaults } from './live-defaults.ts';
import { listProfiles, profileTemplate } from './profiles.ts';

export interface TranscodeRequest {
  /** The name of a profile, or an argument template beginning with `-`. */
  readonly profile: string;
  /** Values for the template's variables. */
  readonly variables?: Readonly<Record<string, string | number>>;
  /** What the client wants to be served: mpegts (ts) or hls (m3u8). */
  readonly outputFormat?: string;
  /** Encoders that work on this machine, such as `h264_nvenc`; without one, software encodes. */
  readonly hardware?: readonly string[];
}

export interface ResolvedTranscode {
  /** The profile's name; `custom` for a template. */
  readonly profile: string;
  /** Everything FFmpeg gets after the program's own arguments, output included; `{input_url}` still a placeholder. */
  readonly args: readonly string[];
  /** Every variable of the template with the value it has in `args`. */
  readonly variables: Readonly<Record<string, string>>;
  /** What FFmpeg writes. */
  readonly format: 'mpegts';
  readonly contentType: 'video/mp2t';
  /** Options of the template that were left out, with the reason. */
  readonly dropped: readonly { readonly option: string; readonly reason: string }[];
}

const MAX_TEMPLATE_LENGTH = 8192;

/**
 * Turns a profile or template into FFmpeg's arguments, or says what is wrong with it. Starts nothing and reads nothing:
 * the same request gives the same arguments, so they can be part of a stream's identity.
 * @throws StreampoolError PROFILE_UNKNOWN, TEMPLATE_*: the message names the culprit
 */
export function resolveTranscode(request: TranscodeRequest): ResolvedTranscode {
  const custom = request.profile.startsWith('-');
  const template = custom ? request.profile : namedTemplate(request.profile, []);
  if (template.length > MAX_TEMPLATE_LENGTH) {
    throw new StreampoolError('TEMPLATE_INVALID', `A template has at most ${MAX_TEMPLATE_LENGTH} characters`);
  }
  if (request.outputFormat !== undefined) checkFormat(request.outputFormat);
  const values = Object.fromEntries(
    Object.entries(request.variables ?? {}).map(([name, value]) => [name, String(value)]),
  );
  let { args, used } = substitute(tokenize(template), values);
  if (!custom && request.hardware?.length) {
    // Hardware may have no use for a variable, such as crf: what is right for software must be right for it as well.
    const accelerated = namedTemplate(request.profile, request.hardware);
    ({ args, used } = substitute(tokenize(accelerated), values, Object.keys(used)));
  }
  const { inputOptions, outputOptions, dropped } = arrange(args);
  return {
    profile: custom ? 'custom' : request.profile,
    args: [
      ...inputDefaults(inputOptions),
      ...inputOptions.flatMap((use) => use.args),
      '-i',
      INPUT_PLACEHOLDER,
      ...outputOptions.flatMap((use) => use.args),
      ...outputDefaults(outputOptions),
      '-f',
      'mpegts',
      'pipe:1',
    ],
    variables: used,
    format: 'mpegts',
    contentType: 'video/mp2t',
    dropped,
  };
}

function namedTemplate(name: string, hardware: readonly string[]): string {
  const template = profileTemplate(name, hardware);
  if (template !== undefined) return template;
  const names = listProfiles().map((known) => known.name);
  throw new StreampoolError(
    'PROFILE_UNKNOWN',
    `There is no profile '${shorten(name)}' (there are: ${names.join(', ')}; a template begins with -)`,
    { info: { profile: shorten(name) } },
  );
}
