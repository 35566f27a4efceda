import { StreampoolError } from '@streampool/errors';
import type { ResolverName } from '@streampool/upstream';
import { parseArgsStringToArgv } from 'string-argv';

/** What a program may be told: how to choose among what it finds, and what to tell the site. */
export interface ResolverArguments {
  /** A quality of streamlink, a format of yt-dlp. */
  readonly selection: string;
  readonly options: readonly string[];
}

/**
 * Options that take a value (true) or none (false). Whatever is not here is refused: both programs have options that run
 * programs, write files, read configurations, or go around the way out that is guarded.
 */
const ALLOWED: Readonly<Record<ResolverName, Readonly<Record<string, boolean>>>> = {
  streamlink: {
    '--http-header': true,
    '--http-query-param': true,
    '--http-timeout': true,
    '--stream-types': true,
    '--stream-sorting-excludes': true,
    '--retry-open': true,
    '--hls-live-edge': true,
    '--hls-audio-select': true,
    '--twitch-disable-ads': false,
    '--twitch-disable-reruns': false,
    '--twitch-low-latency': false,
  },
  ytdlp: {
    '-f': true,
    '--format': true,
    '-S': true,
    '--format-sort': true,
    '--referer': true,
    '--user-agent': true,
    '--add-header': true,
    '--add-headers': true,
    '--extractor-args': true,
    '--extractor-retries': true,
    '--geo-bypass': false,
    '--no-geo-bypass': false,
    '--geo-bypass-country': true,
    '--live-from-start': false,
    '--no-live-from-start': false,
    '--playlist-items': true,
    // How yt-dlp is run anyway; clients have it in what they send by default.
    '--no-playlist': false,
    '--socket-timeout': true,
  },
};

const DEFAULT_SELECTION: Readonly<Record<ResolverName, string>> = { streamlink: 'best', ytdlp: 'best' };
const FORMAT_OPTIONS: ReadonlySet<string> = new Set(['-f', '--format']);
/** Of a selection: names, comparisons and alternatives, such as `720p,best` and `b[height<=720]/w`. */
const SELECTION = /^[\w+/,()[\].<>=!?*:^$~ -]{1,256}$/;

/**
 * Reads what a request says, such as `best`, `720p --twitch-low-latency` or `-f "b[height<=720]"`: words as a shell has
 * them, of which the first may be the selection.
 * @throws StreampoolError RESOLVER_ARGUMENT_FORBIDDEN, naming the word
 */
export function resolverArguments(name: ResolverName, text: string): ResolverArguments {
  const words = parseArgsStringToArgv(text);
  let selection: string | undefined;
  if (words[0] !== undefined && !words[0].startsWith('-')) selection = words.shift();
  const options: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const option = equals < 0 ? word : word.slice(0, equals);
    const takesValue = ALLOWED[name][option];
    if (!Object.hasOwn(ALLOWED[name], option) || takesValue === undefined) throw forbidden(name, option);
    const value = equals < 0 ? (takesValue ? words[++at] : undefined) : word.slice(equals + 1);
    if (takesValue !== (value !== undefined)) throw forbidden(name, option);
    if (name === 'ytdlp' && FORMAT_OPTIONS.has(option)) selection = value;
    else options.push(value === undefined ? option : `${option}=${value}`);
  }
  selection ??= DEFAULT_SELECTION[name];
  if (!SELECTION.test(selection) || selection.startsWith('-')) throw forbidden(name, selection);
  return { selection, options: options.flatMap(apart) };
}

/** Short options take their value as a word of its own. */
function apart(option: string): string[] {
  return option.startsWith('--') ? [option] : option.split(/=(.*)/s).slice(0, 2);
}

function forbidden(name: ResolverName, word: string): StreampoolError {
  return new StreampoolError(
    'RESOLVER_ARGUMENT_FORBIDDEN',
    `resolver_args: ${name} may not be told ${JSON.stringify(word.slice(0, 64))}`,
    { info: { argument: word.slice(0, 64) } },
  );
}
