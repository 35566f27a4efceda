import { existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { decodeErrors, probe, run, runOk } from '@streampool/testkit';
import { useStage } from './stage.ts';

const stage = useStage();
const installed = (program: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)));

/** What real players are asked to do with a URL; each must end by itself with exit code 0. */
const PLAYERS: Record<string, (url: string) => string[]> = {
  ffmpeg: (url) => ['-v', 'error', '-nostdin', '-xerror', '-i', url, '-t', '2', '-f', 'null', '-'],
  mpv: (url) => [
    '--no-config',
    '--vo=null',
    '--ao=null',
    '--length=2',
    '--no-terminal',
    '--msg-level=all=error',
    url,
  ],
  cvlc: (url) => [
    '--no-interact',
    '--vout=dummy',
    '--aout=dummy',
    '--run-time=2',
    '--play-and-exit',
    url,
    'vlc://quit',
  ],
};

const KINDS = ['streams', 'transcode'] as const;
const urls = new Map<string, string>();
beforeAll(async () => {
  for (const kind of KINDS) {
    stage.provider.live(`/${kind}.ts`, stage.sample, { start: 'keyframe' });
    const source = stage.provider.url(`/${kind}.ts`);
    const body = kind === 'streams' ? { url: source, shared: true } : { url: source, profile: 'default' };
    urls.set(kind, (await stage.create(kind, body)).url);
  }
});

// Side by side: players play in real time.
describe.each(KINDS)('%s', (kind) => {
  const url = (): string => urls.get(kind)!;

  for (const [player, args] of Object.entries(PLAYERS)) {
    // CI installs ffmpeg alone: the others are played with where they are.
    const playable = installed(player) && !(player === 'cvlc' && process.getuid?.() === 0); // VLC refuses to be root
    (playable ? test.concurrent : test.skip)(`${player} plays`, async () => {
      await runOk(player, args(url()), { timeoutMs: 60_000 });
    });
  }

  test.concurrent('ffprobe sees picture and sound', async () => {
    const { streams, format } = await probe(url());
    expect(format.format_name).toBe('mpegts');
    expect(streams.map(({ codec_name }) => codec_name)).toEqual(['h264', 'aac']);
  });

  (installed('curl') ? test.concurrent : test.skip)('what curl saves decodes without an error', async () => {
    const file = stage.file(`${kind}-curl.ts`);
    const { code } = await run('curl', ['-s', '--fail', '--max-time', '6', '-o', file, url()]);
    expect(code).toBe(28); // its time is over: the stream has no end
    expect(statSync(file).size).toBeGreaterThan(50_000);
    expect(await decodeErrors(file)).toEqual([]);
  });

  (installed('streamlink') ? test.concurrent : test.skip)('streamlink saves', async () => {
    const file = stage.file(`${kind}-streamlink.ts`);
    const args = [
      '--loglevel',
      'error',
      '--stream-timeout',
      '10',
      '-o',
      file,
      `httpstream://${url()}`,
      'best',
    ];
    await run('timeout', ['12', 'streamlink', ...args]);
    const { streams } = await probe(file);
    expect(streams.map(({ codec_name }) => codec_name)).toEqual(['h264', 'aac']);
  });
});
