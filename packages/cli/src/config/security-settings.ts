import type { ApiToken, RateLimit, Scope } from '@streampool/gateway';
import { z } from 'zod';
import { optional, setting } from './setting.ts';
import { duration, oneOf, showDuration, text, type ValueType } from './values.ts';

const second = 1000;
const SCOPE_NAMES: readonly Scope[] = ['read', 'manage', 'watch'];
const TOKEN = /^([\w.-]{1,64})=((?:read|manage|watch)(?:\+(?:read|manage|watch))*):([!-+\--~]{16,512})$/;
const TOKENS_ALLOWED =
  'name=scopes:token with commas between, such as grafana=read:…,tv=read+watch:…; scopes are read, manage and watch, tokens have at least 16 visible characters and no comma';

/** The tokens of one text: entries with commas or line ends between, `#` begins a comment. Undefined: it cannot be read. */
export function readTokens(list: string): ApiToken[] | undefined {
  const entries = list
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .flatMap((line) => line.split(','))
    .map((entry) => entry.trim())
    .filter(Boolean);
  const tokens = entries.map((entry) => {
    const [, name, scopes = '', token] = TOKEN.exec(entry) ?? [];
    const named = SCOPE_NAMES.filter((scope) => scopes.split('+').includes(scope));
    return name === undefined || token === undefined ? undefined : { name, scopes: named, token };
  });
  return tokens.includes(undefined) ? undefined : (tokens as ApiToken[]);
}

const tokenList: ValueType<ApiToken[]> = {
  schema: z.string().transform((list, context): ApiToken[] => {
    const tokens = readTokens(list);
    if (tokens) return tokens;
    context.addIssue({ code: 'custom', message: `must be ${TOKENS_ALLOWED}` });
    return z.NEVER;
  }),
  allowed: TOKENS_ALLOWED,
  show: () => '***',
};

const RATE_ALLOWED = 'off, or a number and a time, such as 600/1m or 20/s';
const PERIOD = duration(second, 3_600 * second);

/** `600/1m`: so many in any such time. */
const rate: ValueType<RateLimit> = {
  schema: z.string().transform((written, context): RateLimit => {
    const [, count, per = ''] = /^(\d{1,7})\/(\d{0,5}(?:s|m|h))$/.exec(written.trim().toLowerCase()) ?? [];
    if (/^(?:off|0)$/i.test(written.trim())) return { count: 0, perMs: second };
    const period = PERIOD.schema.safeParse(/^\d/.test(per) ? per : `1${per}`);
    if (count !== undefined && Number(count) > 0 && period.success)
      return { count: Number(count), perMs: period.data };
    context.addIssue({ code: 'custom', message: `must be ${RATE_ALLOWED}` });
    return z.NEVER;
  }),
  allowed: RATE_ALLOWED,
  show: ({ count, perMs }) => (count === 0 ? 'off' : `${count}/${showDuration(perMs)}`),
};

/** Who may do what, how often, and where sources may lead. */
export const SECURITY_SETTINGS = {
  apiTokens: optional({
    env: 'API_TOKENS',
    group: 'Access',
    about:
      'Further tokens, each with a name for the log and what it may do: read (look), manage (everything the API can do), watch (see VIEWER_ACCESS)',
    type: tokenList,
    secret: true,
  }),
  apiTokensFile: optional({
    env: 'API_TOKENS_FILE',
    group: 'Access',
    about:
      'A file with such tokens, one to a line, as secrets are mounted; read again when it changes, so that tokens are replaced without a restart',
    type: text('a path', /^[^\0]+$/),
  }),
  viewerAccess: setting({
    env: 'VIEWER_ACCESS',
    group: 'Access',
    about:
      'Who may watch: open, whoever knows a stream’s id (and has a signature, with STREAM_URL_SECRET); token, whoever has a token with the scope watch, or a signed address',
    type: oneOf(['open', 'token']),
    default: 'open',
  }),
  rateLimitApi: setting({
    env: 'RATE_LIMIT_API',
    group: 'Access',
    about:
      'Requests of the API per token and address; beyond, 429 with Retry-After. Media, and whoever is on this machine, is not counted',
    type: rate,
    default: '6000/1m',
  }),
  rateLimitWatch: setting({
    env: 'RATE_LIMIT_WATCH',
    group: 'Access',
    about:
      'Viewers that begin to watch, per address, at all gateways together where there is a Redis; the address of a reverse proxy which is not in TRUSTED_PROXIES is one for all that come through it',
    type: rate,
    default: '12000/1m',
  }),
  rateLimitFailures: setting({
    env: 'RATE_LIMIT_FAILURES',
    group: 'Access',
    about: 'Wrong tokens per address; beyond, right ones are not looked at either for a while',
    type: rate,
    default: '300/1m',
  }),
  headersTimeoutMs: setting({
    env: 'HEADERS_TIMEOUT',
    group: 'Server',
    about: 'How long a client may take to send the head of a request',
    type: duration(second, 600 * second),
    default: '15s',
  }),
  requestTimeoutMs: setting({
    env: 'REQUEST_TIMEOUT',
    group: 'Server',
    about: 'How long a client may take to send a whole request',
    type: duration(second, 3_600 * second),
    default: '30s',
  }),
  upstreamAccess: setting({
    env: 'UPSTREAM_ACCESS',
    group: 'Providers',
    about:
      'Which addresses sources may have: public, those of the internet; lan, this network and this machine as well, where the stream itself names them and not a source outside; any, wherever a source leads. Link-local and cloud metadata addresses: never',
    type: oneOf(['public', 'lan', 'any']),
    default: 'lan',
    former: {
      env: 'ALLOW_PRIVATE_UPSTREAMS',
      read: (value) => (/^(?:true|1|yes|on)$/i.test(value) ? 'any' : 'public'),
    },
  }),
};
