import { HOSTS, LOCATIONS, NAMES, URLS } from './cases/addresses.ts';
import { BODIES, FORGERIES, PATHS, type RawCase, SLOW, SMUGGLING } from './cases/requests.ts';
import { PLAYLISTS, RESPONSES, TRANSPORT_STREAMS } from './cases/sources.ts';
import { TEMPLATES, VARIABLES } from './cases/templates.ts';
import { HostileStage, type Outcome, TOKEN } from './hostile-stage.ts';
import { answered } from './wire-server.ts';

// Everything that somebody with bad intentions can send to a running server, or let it find at a provider: each must end in a refusal,
// none may touch the canaries, and afterwards the server is as it was.

interface Case {
  readonly name: string;
  run(): Promise<Outcome>;
  readonly may?: readonly (number | 'closed')[];
}

const stage = new HostileStage();
beforeAll(() => stage.open());
afterAll(() => stage.close());

const AT_ONCE = 12;
let ran = 0;

/** Runs them some at once. What is wrong: an outcome that is no refusal, or what a canary noticed. */
async function faults(cases: readonly Case[], atOnce = AT_ONCE): Promise<string[]> {
  const wrong: string[] = [];
  const waiting = [...cases];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { status, text } = await next.run();
      const isRefused = next.may
        ? next.may.includes(status)
        : status === 'closed' || (status >= 400 && status < 600 && status !== 500);
      if (!isRefused) wrong.push(`${next.name}: ${status} ${text.slice(0, 200)}`);
      if (stage.isLeaked(text)) wrong.push(`${next.name}: the file was shown`);
      ran++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  if (!stage.server.running) wrong.push(`the server has ended:\n${stage.server.logs().slice(-3_000)}`);
  return [...wrong, ...stage.damage()];
}

const asOperator = { headers: { 'x-api-token': TOKEN } };

const addresses = (): Case[] => [
  ...[...HOSTS, ...NAMES].map((host) => ({ name: host, run: () => stage.watch(stage.canaryAt(host)) })),
  ...URLS.map((url) => ({ name: url.slice(0, 80), run: () => stage.watch(stage.fill(url)) })),
  ...HOSTS.slice(0, 12).map((host) => ({
    name: `failover resolver at ${host}`,
    run: () =>
      stage.manage('POST', '/test-connection', { url: stage.canaryAt(host) }).then(
        (outcome): Outcome =>
          // Not reaching it is an answer there.
          outcome.text.includes('"success":false') ? { ...outcome, status: 502 } : outcome,
      ),
  })),
];

const redirects = (): Case[] =>
  LOCATIONS.map((location) => ({
    name: `redirect to ${location}`,
    run: () => stage.watch(stage.outside(`/to?${stage.fill(location)}`)),
  }));

let names = 0;
/** The first answer of the name server is public, and so is what is connected to. It redirects to itself, which by then is inside. */
const rebinding = (): Case[] =>
  Array.from({ length: 6 }, () => {
    const name = `n${++names}-rebinding.test`;
    return {
      name: `a name that moves: ${name}`,
      run: () => stage.watch(`http://${name}:${stage.provider.port}/to?/inside-${name}`),
    };
  });

const playlists = (): Case[] =>
  Object.entries(PLAYLISTS).map(([name, text], i) => {
    const path = name.includes('itself') ? '/self.m3u8' : `/playlist-${i}.m3u8`;
    return {
      name: `a playlist with ${name}`,
      run() {
        stage.answers.set(path, answered(stage.fill(text), 'application/vnd.apple.mpegurl'));
        return stage.watchHls(stage.outside(path));
      },
    };
  });

const playlistsForFfmpeg = (): Case[] =>
  ['a segment inside', 'a key behind a space', 'a key behind a NUL', 'a file by concat'].map((name, i) => ({
    name: `for FFmpeg: a playlist with ${name}`,
    run() {
      stage.answers.set(`/ffmpeg-${i}.m3u8`, answered(stage.fill(PLAYLISTS[name]!), 'application/x-mpegurl'));
      return stage.watch(stage.outside(`/ffmpeg-${i}.m3u8`), 'transcode');
    },
  }));

const sources = (): Case[] => [
  ...Object.entries(TRANSPORT_STREAMS).map(([name, bytes], i) => ({
    name: `a stream of ${name}`,
    run() {
      stage.answers.set(`/stream-${i}.ts`, answered(bytes, 'video/mp2t'));
      return stage.watch(stage.outside(`/stream-${i}.ts`), 'shared');
    },
  })),
  ...Object.entries(RESPONSES).map(([name, bytes], i) => ({
    name: `an answer of ${name}`,
    run() {
      stage.answers.set(`/answer-${i}.ts`, Buffer.from(bytes, 'latin1'));
      return stage.watch(stage.outside(`/answer-${i}.ts`), 'shared');
    },
  })),
];

const templates = (): Case[] => [
  ...TEMPLATES.map((profile) => ({
    name: profile.slice(0, 100),
    may: [400, 422],
    run: () =>
      stage.manage('POST', '/transcode', { url: stage.outside('/a.ts'), profile: stage.fill(profile) }),
  })),
  ...VARIABLES.map((value) => ({
    name: `a variable: ${value.slice(0, 60)}`,
    may: [400, 422],
    run: () =>
      stage.manage('POST', '/transcode', {
        ...{
          url: stage.outside('/a.ts'),
          profile: '-i {input_url} -b:v {video_bitrate|2M} -f mpegts pipe:1',
        },
        profile_variables: { video_bitrate: stage.fill(value) },
      }),
  })),
];

const raw = (cases: readonly RawCase[]): Case[] =>
  cases.map(({ name, bytes, may = [400] }) => ({
    ...{ name, may },
    run: () => stage.send(bytes.replaceAll('X-API-Token: T', `X-API-Token: ${TOKEN}`)),
  }));

const paths = (): Case[] =>
  PATHS.map((path) => ({ name: path, run: () => stage.call('GET', stage.fill(path)) }));

const forgeries = (): Case[] =>
  FORGERIES.flatMap((forgery) => {
    const value = forgery.replaceAll('T', TOKEN);
    const query = `/streams?api_token=${encodeURIComponent(value)}`;
    const headers = (name: string, text: string) => ({
      headers: { [name]: text.replace(/[^\x20-\x7e\xa0-\xff]/g, '') },
    });
    // Spaces around a header's value are no part of it.
    const isRight = value.trim() === TOKEN;
    return [
      ...(isRight
        ? []
        : [
            {
              name: `header ${forgery}`,
              may: [401, 403],
              run: () => stage.call('GET', '/streams', headers('x-api-token', value)),
            },
          ]),
      ...(isRight
        ? []
        : [
            {
              name: `bearer ${forgery}`,
              may: [401, 403],
              run: () => stage.call('GET', '/streams', headers('authorization', `Bearer ${value}`)),
            },
          ]),
      { name: `query ${forgery}`, may: [401, 403], run: () => stage.call('GET', query) },
    ];
  });

const bodies = (): Case[] =>
  BODIES.map(([name, body, type]) => ({
    name: `a body with ${name}`,
    may: [400, 413, 415, 422],
    run: () =>
      stage.call('POST', '/streams', {
        body,
        headers: { ...asOperator.headers, 'content-type': type ?? 'application/json' },
      }),
  }));

/** Without those that wait for something. */
const quick = (): Case[] => [
  ...addresses(),
  ...redirects(),
  ...rebinding(),
  ...templates(),
  ...raw(SMUGGLING),
  ...paths(),
  ...forgeries(),
  ...bodies(),
];

test('requests that are no requests', async () => {
  expect(await faults([...raw(SMUGGLING), ...paths(), ...forgeries(), ...bodies()])).toEqual([]);
});

test('requests that never end', async () => {
  // Node looks for them twice a second here.
  expect(await faults(raw(SLOW))).toEqual([]);
});

test('addresses, redirects and names that lead inside', async () => {
  expect(await faults([...addresses(), ...redirects(), ...rebinding()])).toEqual([]);
  const asked = stage.provider.requests.map((head) => head.split(' ')[1] ?? '');
  expect(asked.filter((path) => path.startsWith('/to?/inside-'))).toHaveLength(names);
  expect(asked.filter((path) => path.startsWith('/inside-'))).toEqual([]);
});

test('templates that read, write, connect or run something', async () => {
  expect(await faults(templates())).toEqual([]);
});

test('sources that are none, and playlists that lead inside', async () => {
  expect(await faults([...sources(), ...playlists()])).toEqual([]);
  expect(await faults(playlistsForFfmpeg(), 2)).toEqual([]);
});

test('a provider outside is reached, so that what was refused was not refused for want of a way', async () => {
  stage.answers.set('/page.html', answered('hello', 'text/plain'));
  const { text } = await stage.manage('POST', '/test-connection', { url: stage.outside('/page.html') });
  expect(JSON.parse(text)).toMatchObject({ success: true, status_code: 200 });
});

test('afterwards the server is as it was', async () => {
  const settled = async (): Promise<ReturnType<HostileStage['load']>> => {
    let last = stage.load();
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const now = stage.load();
      if (now.descriptors === last.descriptors) break;
      last = now;
    }
    return stage.load();
  };
  const before = await settled();
  expect(await faults(quick())).toEqual([]);
  const after = await settled();
  expect(after.descriptors - before.descriptors).toBeLessThanOrEqual(5);
  expect(after.rssMb - before.rssMb).toBeLessThan(60);
  expect(ran).toBeGreaterThan(600);
  expect((await stage.manage('GET', '/streams')).status).toBe(200);
  expect(stage.server.offspring()).toEqual([]);
});
