import { checkFfmpeg } from '../src/index.ts';
import { fakeFfmpeg } from './process/fake-ffmpeg.ts';

test('the version of the real one', async () => {
  expect(await checkFfmpeg('ffmpeg')).toEqual({ version: expect.stringMatching(/^\D?\d/), path: 'ffmpeg' });
});

test.each([
  ['nothing there', '/nonexistent/ffmpeg'],
  ['something else', fakeFfmpeg('echo "avconv version 9"')],
  ['one that cannot run', fakeFfmpeg('echo "ffmpeg version 5.1"; echo "cannot load libx264" >&2; exit 127')],
])('%s: one line that says what to install', async (_, path) => {
  const missing = checkFfmpeg(path);
  await expect(missing).rejects.toMatchObject({ code: 'FFMPEG_MISSING' });
  await expect(missing).rejects.toThrow(/^[^\n]*apt install ffmpeg[^\n]*$/);
});
