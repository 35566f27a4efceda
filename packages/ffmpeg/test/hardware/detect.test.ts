import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HardwareDevices } from '../../src/hardware/devices.ts';
import { detectHardware, listProfiles, resolveTranscode } from '../../src/index.ts';
import { fakeFfmpeg, until } from '../process/fake-ffmpeg.ts';
import { ManualTimers } from '../process/manual-timers.ts';

const LIST = `
for arg in "$@"; do
  [ "$arg" = -encoders ] && { printf ' V....D libx264 x\\n V....D h264_nvenc x\\n V..... hevc_nvenc x\\n V..... h264_qsv x\\n V....D h264_vaapi x\\n A....D aac x\\n'; exit 0; }
done`;

const directory = mkdtempSync(join(tmpdir(), 'devices-'));
afterAll(() => rmSync(directory, { recursive: true }));
/** A system whose folder of devices has these. */
async function devices(...names: string[]): Promise<HardwareDevices> {
  const dev = mkdtempSync(join(directory, 'dev-'));
  await mkdir(join(dev, 'dri'));
  for (const name of names) await writeFile(join(dev, name), '');
  return new HardwareDevices({ platform: 'linux', directory: dev });
}
const ALL = ['nvidiactl', 'dri/card0', 'dri/renderD128'];

const works = (encoders: readonly { name: string; works: boolean }[]) =>
  encoders.filter((encoder) => encoder.works).map(({ name }) => name);

test('what is listed is tried; what fails says why; what is not listed is not tried', async () => {
  const ffmpegPath = fakeFfmpeg(`${LIST}
    case "$*" in
      *h264_nvenc*) echo bytes ;;
      *hevc_nvenc*) exit 0 ;;
      *h264_qsv*) echo '[h264_qsv @ 0x1] [error] Error initializing an internal MFX session: unsupported (-3)' >&2; exit 1 ;;
      *vaapi_device*h264_vaapi*) echo '[AVHWDeviceContext @ 0x1] [error] No VA display found for device /dev/dri/renderD128.' >&2; exit 1 ;;
    esac`);
  const { encoders } = await detectHardware({ ffmpegPath, devices: await devices(...ALL) });
  expect(works(encoders)).toEqual(['h264_nvenc']);
  const reason = (name: string) => encoders.find((encoder) => encoder.name === name)?.reason;
  expect(reason('hevc_nvenc')).toBe('it encoded nothing');
  expect(reason('h264_qsv')).toBe('no Intel Quick Sync encoder is available');
  expect(reason('h264_vaapi')).toBe('the hardware device /dev/dri/renderD128 cannot be opened');
  expect(reason('hevc_vaapi')).toBe('this FFmpeg was built without it');
});

test('a driver that hangs costs its deadline and no more', async () => {
  const ffmpegPath = fakeFfmpeg(
    `${LIST}\ncase "$*" in *h264_qsv*) trap '' TERM; echo x; while :; do sleep 600 & wait; done ;; esac`,
  );
  const timers = new ManualTimers();
  let answer: Awaited<ReturnType<typeof detectHardware>> | undefined;
  void detectHardware({ ffmpegPath, deadlineMs: 4_000, timers, devices: await devices(...ALL) }).then(
    (found) => {
      answer = found;
    },
  );
  await until('the answer', () => {
    timers.advance(100);
    return answer !== undefined;
  });
  expect(answer?.encoders.find(({ name }) => name === 'h264_qsv')).toEqual({
    name: 'h264_qsv',
    works: false,
    reason: 'it did not finish within 4 s',
  });
});

test('what a machine has no device for is not tried', async () => {
  const ffmpegPath = fakeFfmpeg(`${LIST}\necho bytes`);
  const found = async (...names: string[]) =>
    works((await detectHardware({ ffmpegPath, devices: await devices(...names) })).encoders);
  expect(await found('dri/card0')).toEqual([]);
  expect(await found('nvidiactl')).toEqual(['h264_nvenc', 'hevc_nvenc']);
  expect(await found('dri/renderD129')).toEqual(['h264_qsv', 'h264_vaapi']);
  expect(await found('dxg')).toEqual(['h264_nvenc', 'hevc_nvenc', 'h264_qsv', 'h264_vaapi']);
  const none = new HardwareDevices({ platform: 'linux', directory: '/nonexistent' });
  expect([none.mayServe('vaapi'), none.mayServe('videotoolbox')]).toEqual([false, false]);
  const mac = new HardwareDevices({ platform: 'darwin', directory: '/nonexistent' });
  expect(mac.mayServe('videotoolbox')).toBe(true);
});

test('without FFmpeg nothing works', async () => {
  const { encoders } = await detectHardware({ ffmpegPath: '/nonexistent/ffmpeg' });
  expect(encoders.length).toBeGreaterThan(4);
  expect(works(encoders)).toEqual([]);
});

test('the real FFmpeg: every encoder has an answer', async () => {
  const { encoders } = await detectHardware({ ffmpegPath: 'ffmpeg', deadlineMs: 10_000 });
  for (const encoder of encoders) expect(encoder.works || encoder.reason).toBeTruthy();
});

describe('profiles', () => {
  const encoder = (profile: string, hardware?: string[]) => {
    const { args } = resolveTranscode({ profile, ...(hardware ? { hardware } : {}) });
    return args[args.indexOf('-c:v') + 1];
  };

  test('take what works for their codec, and software otherwise', () => {
    expect(encoder('default')).toBe('libx264');
    expect(encoder('default', [])).toBe('libx264');
    expect(encoder('default', ['hevc_nvenc'])).toBe('libx264');
    expect(encoder('default', ['h264_vaapi', 'h264_nvenc'])).toBe('h264_nvenc');
    expect(encoder('hevc', ['h264_nvenc', 'hevc_vaapi'])).toBe('hevc_vaapi');
    expect(encoder('default', ['h264_made_up'])).toBe('libx264');
  });

  test('hold together whoever encodes: valid, with the same variables, and told where keyframes belong', () => {
    for (const hardware of [
      'h264_nvenc',
      'h264_qsv',
      'h264_vaapi',
      'hevc_nvenc',
      'hevc_qsv',
      'hevc_vaapi',
      'h264_videotoolbox',
    ]) {
      for (const { name } of listProfiles()) {
        const software = resolveTranscode({ profile: name });
        const given = Object.fromEntries(
          Object.entries(software.variables).filter(([known]) => /crf|bitrate/.test(known)),
        );
        const resolved = resolveTranscode({ profile: name, hardware: [hardware], variables: given });
        // A quality number is the one thing that not every family has.
        const { crf: _, ...variables } = software.variables;
        expect(resolved.variables).toMatchObject(variables);
        expect(resolved.args.includes('-force_key_frames')).toBe(name !== 'audio');
      }
    }
  });
});
