import { commandLine, INPUT_FORMATS, resolveTranscode } from '../src/index.ts';

const { args } = resolveTranscode({ profile: 'default' });
const URL = 'http://127.0.0.1:1/in';

test('the URL takes the place of the input, behind a list of what may be opened', () => {
  const line = commandLine(args, URL, 'other');
  const at = line.indexOf('-i');
  expect(line.slice(at - 4, at + 2)).toEqual([
    ...['-protocol_whitelist', 'http,tcp,crypto', '-format_whitelist', INPUT_FORMATS, '-i', URL],
  ]);
  const followers =
    'concat dash imf sdp rtsp rtp lavfi image2 vobsub webm_dash_manifest ffmetadata tty data'.split(' ');
  expect(INPUT_FORMATS.split(',').filter((format) => followers.includes(format))).toEqual([]);
  expect(INPUT_FORMATS).not.toMatch(/\s|,,/);
  expect(line.join(' ')).not.toContain('{input_url}');
});

test('of a transport stream FFmpeg is told what it is, and its subtitles are kept', () => {
  const line = commandLine(args, URL, 'mpegts').join(' ');
  expect(line).toMatch(/^-f mpegts -scan_all_pmts 0 .*-i http/);
  expect(line).toContain('-map 0:s?');
  const other = commandLine(args, URL, 'other').join(' ');
  expect(other).not.toMatch(/scan_all_pmts|-map 0:s\?/);
  expect(other).toContain('-map 0:v:0? -map 0:a:u? -c:s copy');
});

test('arguments without an input are refused', () => {
  expect(() => commandLine(['-c', 'copy'], URL)).toThrow(
    expect.objectContaining({ code: 'TEMPLATE_INVALID' }),
  );
});
