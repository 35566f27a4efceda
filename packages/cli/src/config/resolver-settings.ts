import { optional, settingsOf } from './setting.ts';
import { duration, flag, text } from './values.ts';

const second = 1000;

const setting = settingsOf('Resolvers');

const program = text('a path, or a name that is found in PATH', /^[^\0\n]+$/);

/** Programs that find the media on a page, for streams that name one. */
export const RESOLVER_SETTINGS = {
  streamlinkEnabled: setting(
    'STREAMLINK_ENABLED',
    'Whether streams may use streamlink, where it is installed',
    flag,
    'true',
  ),
  streamlinkPath: setting('STREAMLINK_PATH', 'The program', program, 'streamlink'),
  ytdlpEnabled: setting(
    'YTDLP_ENABLED',
    'Whether streams may use yt-dlp, where it is installed',
    flag,
    'true',
  ),
  ytdlpPath: setting('YTDLP_PATH', 'The program', program, 'yt-dlp'),
  resolverTimeoutMs: setting(
    'RESOLVER_TIMEOUT',
    'A program that takes longer to look at a page is ended',
    duration(second, 120 * second),
    '20s',
  ),
  resolverCookiesDir: optional({
    env: 'RESOLVER_COOKIES_DIR',
    group: 'Resolvers',
    about:
      'Callers may name files in this folder that hold cookies (cookies_path of POST /transcode); none by default',
    type: text('an absolute path', /^\/[^\0\n]*$/),
  }),
};
