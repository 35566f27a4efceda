import { StreampoolError } from '@streampool/errors';
import type { ResolverName } from '@streampool/upstream';
import { z } from 'zod';
import type { ResolverArguments } from './arguments.ts';

/** Where the media of a page is, and what has to be told when asking for it. */
export interface FoundMedia {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly userAgent?: string;
}

export interface Question extends ResolverArguments {
  readonly page: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly userAgent?: string;
  /** The way out, with credentials. */
  readonly proxy: string;
  /** See `cookieFile`. */
  readonly cookieFile?: string;
}

/** How one of the programs is asked, and how its answer is read. */
export interface Program {
  readonly file: string;
  args(question: Question): readonly string[];
  /** Undefined: the program knows nothing of such a page. @throws StreampoolError RESOLVER_FAILED */
  read(answer: { readonly stdout: string; readonly stderr: string }): FoundMedia | undefined;
}

const headers = z.record(z.string(), z.string());
const streamlinkAnswer = z.union([
  z.object({ url: z.url({ protocol: /^https?$/ }), headers: headers.optional() }),
  z.object({ error: z.string() }),
]);
const format = z.object({
  url: z.url({ protocol: /^https?$/ }),
  http_headers: headers.optional(),
  vcodec: z.string().nullish(),
  acodec: z.string().nullish(),
  tbr: z.number().nullish(),
});
const ytdlpAnswer = z.object({
  url: z.string().optional(),
  http_headers: headers.optional(),
  requested_formats: z.array(z.unknown()).optional(),
  formats: z.array(z.unknown()).optional(),
});

export const PROGRAMS: Readonly<Record<ResolverName, Program>> = {
  streamlink: {
    file: 'streamlink',
    args: ({ page, selection, options, headers, userAgent, proxy, cookieFile }) => [
      ...['--json', '--loglevel', 'error', `--http-proxy=${proxy}`],
      ...(userAgent === undefined ? [] : [`--http-header=User-Agent=${userAgent}`]),
      ...Object.entries(headers).map(([name, value]) => `--http-header=${name}=${value}`),
      ...(cookieFile === undefined ? [] : [`--config=${cookieFile}`]),
      ...options,
      ...['--', page, selection],
    ],
    read({ stdout, stderr }) {
      const answer = streamlinkAnswer.safeParse(json(stdout)).data;
      if (answer === undefined) throw failed('streamlink', stderr);
      if ('url' in answer) return foundMedia(answer.url, answer.headers);
      if (/^No plugin can handle URL/.test(answer.error)) return undefined;
      throw failed('streamlink', answer.error);
    },
  },
  ytdlp: {
    file: 'yt-dlp',
    args: ({ page, selection, options, headers, userAgent, proxy, cookieFile }) => [
      ...['--ignore-config', '--no-cache-dir', '--no-playlist', '--no-warnings', '--dump-single-json'],
      `--proxy=${proxy}`,
      ...(userAgent === undefined ? [] : [`--user-agent=${userAgent}`]),
      ...Object.entries(headers).map(([name, value]) => `--add-header=${name}:${value}`),
      ...(cookieFile === undefined ? [] : [`--cookies=${cookieFile}`]),
      // Where sound and pictures lie apart, another choice brings both in one.
      `--format=${selection}/best`,
      ...options,
      ...['--', page],
    ],
    read({ stdout, stderr }) {
      const answer = ytdlpAnswer.safeParse(json(stdout)).data;
      if (answer === undefined) {
        if (/Unsupported URL/.test(stderr)) return undefined;
        throw failed('yt-dlp', stderr);
      }
      const whole = format.safeParse(answer).data;
      if (whole && answer.requested_formats === undefined) return foundMedia(whole.url, whole.http_headers);
      const both = (answer.formats ?? [])
        .flatMap((item) => format.safeParse(item).data ?? [])
        .filter(({ vcodec, acodec }) => vcodec !== 'none' && acodec !== 'none')
        .sort((a, b) => (b.tbr ?? 0) - (a.tbr ?? 0));
      if (!both[0]) throw failed('yt-dlp', 'the page has no stream with sound and pictures in one');
      return foundMedia(both[0].url, both[0].http_headers);
    },
  },
};

/** Those that a connection makes for itself. */
const NOT_OURS: ReadonlySet<string> = new Set(['accept-encoding', 'connection', 'host', 'content-length']);

function foundMedia(url: string, headers: Readonly<Record<string, string>> = {}): FoundMedia {
  const told = Object.entries(headers).filter(([name]) => !NOT_OURS.has(name.toLowerCase()));
  const userAgent = told.find(([name]) => name.toLowerCase() === 'user-agent')?.[1];
  return {
    url,
    headers: Object.fromEntries(told.filter(([name]) => name.toLowerCase() !== 'user-agent')),
    ...(userAgent !== undefined && { userAgent }),
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function failed(program: string, why: string): StreampoolError {
  const line = why
    .split('\n')
    .map((text) => text.replace(/^(?:error|ERROR):\s*/, '').trim())
    .findLast((text) => text !== '');
  return new StreampoolError('RESOLVER_FAILED', `${program}: ${line?.slice(0, 300) ?? 'no answer'}`);
}
