import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeConfig, settingsMarkdown } from '../src/config/describe.ts';
import { loadConfig } from '../src/config/load.ts';
import { setWithoutEffect } from '../src/config/names-without-effect.ts';
import { SETTING_NAMES, settingOf } from '../src/config/settings.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'streampool-config-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const load = (env: Record<string, string>, overrides = {}) => loadConfig({ env, directory, overrides });

test('without any setting there are defaults, in ms and bytes', () => {
  expect(load({}).config).toMatchObject({
    host: '0.0.0.0',
    port: 8085,
    rootPath: '',
    logLevel: 'info',
    trustedProxies: ['loopback'],
    sharedStreamTimeoutMs: 10_000,
    clientTimeoutMs: 30_000,
    streamTimeoutMs: 10_000,
    deliveryIntervalMs: 100,
    ringBudgetBytes: 32 * 1024 * 1024,
    upstreamAccess: 'lan',
  });
  expect(load({}).config.apiToken).toBeUndefined();
});

test.each([
  ['CLIENT_TIMEOUT', '45', 'clientTimeoutMs', 45_000],
  ['CLIENT_TIMEOUT', '2.5', 'clientTimeoutMs', 2_500],
  ['CLIENT_TIMEOUT', '5m', 'clientTimeoutMs', 300_000],
  ['STALL_TIMEOUT', '750ms', 'stallTimeoutMs', 750],
  ['SHARED_STREAM_TIMEOUT', '0', 'sharedStreamTimeoutMs', 0],
  ['DELIVERY_INTERVAL_MS', '20', 'deliveryIntervalMs', 20],
  ['DELIVERY_INTERVAL_MS', '1s', 'deliveryIntervalMs', 1_000],
  ['RING_BUDGET', '64MB', 'ringBudgetBytes', 64 * 1024 * 1024],
  ['RING_BUDGET', '2 GiB', 'ringBudgetBytes', undefined],
  ['RING_BUDGET', '1048576', 'ringBudgetBytes', 1024 * 1024],
  ['LOG_LEVEL', 'WARNING', 'logLevel', 'warn'],
  ['LOG_LEVEL', 'Info', 'logLevel', 'info'],
  ['ALLOW_PRIVATE_UPSTREAMS', 'No', 'upstreamAccess', 'public'],
  ['ALLOW_PRIVATE_UPSTREAMS', 'true', 'upstreamAccess', 'any'],
  ['UPSTREAM_ACCESS', 'Public', 'upstreamAccess', 'public'],
  ['RATE_LIMIT_API', '20/s', 'rateLimitApi', { count: 20, perMs: 1_000 }],
  ['RATE_LIMIT_WATCH', '600/5m', 'rateLimitWatch', { count: 600, perMs: 300_000 }],
  ['RATE_LIMIT_FAILURES', 'off', 'rateLimitFailures', { count: 0, perMs: 1_000 }],
  [
    'API_TOKENS',
    'grafana=read:0123456789abcdef, tv=watch+read:fedcba9876543210',
    'apiTokens',
    [
      { name: 'grafana', scopes: ['read'], token: '0123456789abcdef' },
      { name: 'tv', scopes: ['read', 'watch'], token: 'fedcba9876543210' },
    ],
  ],
  ['TRUSTED_PROXIES', '10.0.0.0/8, ::1 ,loopback', 'trustedProxies', ['10.0.0.0/8', '::1', 'loopback']],
  ['ROOT_PATH', '/m3u-proxy', 'rootPath', '/m3u-proxy'],
  ['STREAM_SHARING_STRATEGY', 'url_only', 'sharingStrategy', 'url_only'],
  ['API_TOKEN', '', 'apiToken', undefined],
] as const)('%s=%s', (name, value, key, expected) => {
  if (expected === undefined && key !== 'apiToken') expect(() => load({ [name]: value })).toThrow(name);
  else expect(load({ [name]: value }).config[key]).toEqual(expected);
});

test.each([
  ['PORT', '80a', 'a whole number from 0 to 65535'],
  ['PORT', '65536', 'a whole number from 0 to 65535'],
  ['PORT', '-1', 'a whole number from 0 to 65535'],
  ['HOST', 'a b', 'an address or a host name'],
  ['LOG_LEVEL', 'loud', 'one of trace, debug, info, warn, error, fatal, silent'],
  ['CLIENT_TIMEOUT', 'soon', 'a time from 1s to 1d'],
  ['CLIENT_TIMEOUT', '0.5', 'a time from 1s to 1d'],
  ['TRUSTED_PROXIES', '10.0.0.0/33', 'addresses, networks'],
  ['TRUSTED_PROXIES', 'everybody', 'addresses, networks'],
  ['ROOT_PATH', 'm3u', 'begins with /'],
  ['ROOT_PATH', '/m3u/', 'does not end with it'],
  ['WORKER_ID', 'a b', 'letters, digits'],
  ['UPSTREAM_ACCESS', 'all', 'one of public, lan, any'],
  ['RATE_LIMIT_API', '600', 'a number and a time'],
  ['RATE_LIMIT_API', '600/2d', 'a number and a time'],
  ['ENABLE_TRANSCODING_POOLING', 'maybe', 'true or false'],
])('%s=%s stops the start with what is allowed', (name, value, allowed) => {
  expect(() => load({ [name]: value })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(allowed) }),
  );
  expect(() => load({ [name]: value })).toThrow(`${name} cannot be "${value}" (from the environment)`);
});

test('all wrong settings are named at once, and no secret is repeated', () => {
  let message = '';
  try {
    load({ PORT: 'x', STREAM_URL_SECRET: 'short-one', CLIENT_TIMEOUT: 'y' });
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message.split('\n')).toHaveLength(3);
  expect(message).toContain('STREAM_URL_SECRET cannot be what it is set to');
  expect(message).not.toContain('short-one');
});

test('the command line goes before the environment, and that before .env', () => {
  writeFileSync(join(directory, '.env'), 'PORT=1111\nHOST="127.0.0.1" # here only\nCLIENT_TIMEOUT=7\n');
  const { config, sources } = load({ PORT: '2222', CLIENT_TIMEOUT: '8' }, { clientTimeoutMs: '9' });
  expect(config).toMatchObject({ host: '127.0.0.1', port: 2222, clientTimeoutMs: 9_000 });
  expect(sources).toMatchObject({
    host: '.env',
    port: 'environment',
    clientTimeoutMs: 'command line',
    logLevel: 'default',
  });
  writeFileSync(join(directory, '.env'), 'PORT=nonsense\n');
  expect(() => load({})).toThrow('PORT cannot be "nonsense" (from the file .env)');
});

test('what is in force can be shown, without secrets', () => {
  const described = describeConfig(load({ API_TOKEN: 'hunter2', RING_BUDGET: '65536KB' }));
  const shown = Object.fromEntries(described.map(({ name, value }) => [name, value]));
  expect(shown).toMatchObject({
    API_TOKEN: '***',
    STREAM_URL_SECRET: null,
    RING_BUDGET: '64MB',
    CLIENT_TIMEOUT: '30s',
    TRUSTED_PROXIES: 'loopback',
  });
  expect(JSON.stringify(described)).not.toContain('hunter2');
});

test('every shown value can be set again as it is shown', () => {
  const first = load({ CLIENT_TIMEOUT: '90', STREAM_URL_TTL: '36h' });
  const env: Record<string, string> = {};
  for (const { name, value } of describeConfig(first)) if (value !== null) env[name] = value;
  expect(load(env).config).toEqual(first.config);
});

test('the documentation has every setting', () => {
  const markdown = settingsMarkdown();
  for (const name of SETTING_NAMES) expect(markdown).toContain(`| \`${settingOf(name).env}\` |`);
  expect(markdown).toContain('| `PORT` | `8085` |');
});

test('settings of m3u-proxy that do nothing here are found', () => {
  expect(
    setWithoutEffect({ REDIS_ENABLED: 'false', TEMP_DIR: '/tmp/x', PORT: '1', STRICT_LIVE_TS: '' }),
  ).toEqual(['TEMP_DIR']);
  expect(setWithoutEffect({ REDIS_ENABLED: 'true' })).toEqual(['REDIS_ENABLED']);
});
