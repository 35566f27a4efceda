import { resolverArguments } from '../src/index.ts';

test.each([
  ['streamlink', '', 'best', []],
  ['streamlink', '720p,best', '720p,best', []],
  [
    'streamlink',
    'best --twitch-low-latency --http-header "X-A=b c"',
    'best',
    ['--twitch-low-latency', '--http-header=X-A=b c'],
  ],
  ['ytdlp', 'bestvideo+bestaudio/best', 'bestvideo+bestaudio/best', []],
  [
    'ytdlp',
    '-f "b[height<=720]" --referer=http://a.example/',
    'b[height<=720]',
    ['--referer=http://a.example/'],
  ],
  ['ytdlp', '-S res:720', 'best', ['-S', 'res:720']],
] as const)('%s: %s', (name, text, selection, options) => {
  expect(resolverArguments(name, text)).toEqual({ selection, options });
});

test.each([
  ['streamlink', 'best --player /bin/sh'],
  ['streamlink', 'best --output=/etc/cron.d/x'],
  ['streamlink', 'best -o x'],
  ['streamlink', 'best --config /etc/passwd'],
  ['streamlink', 'best --plugin-dirs /tmp'],
  ['streamlink', 'best --http-proxy http://evil.example'],
  ['streamlink', 'best --twitch-low-latency=1'],
  ['streamlink', 'best extra'],
  ['streamlink', 'best --http-header'],
  ['streamlink', 'best --http-head X=1'],
  ['streamlink', 'best --constructor'],
  ['streamlink', '`id`'],
  ['ytdlp', '--exec id'],
  ['ytdlp', 'best --config-locations x'],
  ['ytdlp', 'best -o /x'],
  ['ytdlp', 'best --cookies-from-browser firefox'],
  ['ytdlp', 'best --proxy ""'],
  ['ytdlp', 'best --enable-file-urls'],
  ['ytdlp', 'best --downloader curl'],
  ['ytdlp', '-f=-x'],
] as const)('%s may not be told: %s', (name, text) => {
  expect(() => resolverArguments(name, text)).toThrow(
    expect.objectContaining({ code: 'RESOLVER_ARGUMENT_FORBIDDEN' }),
  );
});
