import { explainFailure } from '../../src/process/last-error.ts';
import { ProgressParser } from '../../src/process/progress.ts';
import { parseLogLine } from '../../src/process/stderr-log.ts';

const explain = (...lines: string[]) => explainFailure(lines.map(parseLogLine));

describe('explainFailure', () => {
  // Lines as FFmpeg 5.1 prints them.
  test.each<[string[], string | undefined]>([
    [
      [
        '[tcp @ 0x55cbb4272f80] [error] Connection to tcp://127.0.0.1:1 failed: Connection refused',
        '[error] http://127.0.0.1:1/x: Connection refused',
      ],
      'the source refused the connection',
    ],
    [
      [
        '[http @ 0x5] [warning] HTTP error 404 Not Found',
        '[error] http://h/x: Server returned 404 Not Found',
      ],
      'the source answered 404 Not Found',
    ],
    [
      ['[error] http://h/x: Server returned 5XX Server Error reply'],
      'the source answered 5XX Server Error reply',
    ],
    [
      ['[error] g.bin: Invalid data found when processing input'],
      'the source is not media that FFmpeg can read',
    ],
    [["[fatal] Unknown encoder 'nope'"], 'this FFmpeg has no encoder nope'],
    [
      ["[fatal] Stream map '0:s' matches no streams.", "To ignore this, add a trailing '?' to the map."],
      'the source has no stream that matches -map 0:s',
    ],
    [
      ['[error] Output file #0 does not contain any stream'],
      'the source has no stream that this profile can use',
    ],
    [
      [
        '[h264_nvenc @ 0x557c863eb880] [error] Cannot load libcuda.so.1',
        '[error] Error initializing output stream 0:0 -- Error while opening encoder for output stream #0:0',
      ],
      'no NVIDIA driver is installed (libcuda.so.1 is missing)',
    ],
    [
      [
        '[AVHWDeviceContext @ 0x5] [error] No VA display found for device /dev/dri/renderD128.',
        '[error] Device creation failed: -22.',
      ],
      'the hardware device /dev/dri/renderD128 cannot be opened',
    ],
    [
      ["[error] Unrecognized option 'bogus'.", '[fatal] Error splitting the argument list: Option not found'],
      'this FFmpeg does not know the option -bogus',
    ],
    [
      ["[AVFilterGraph @ 0x5] [error] No such filter: 'nosuch'", '[error] Error reinitializing filters!'],
      'this FFmpeg has no filter nosuch',
    ],
    [
      [
        "[file @ 0x5] [error] Protocol 'file' not on whitelist 'http,tcp'!",
        '[error] live.ts: Invalid argument',
      ],
      'the source refers to a file: URL, which is not allowed',
    ],
    [
      [
        '[libx264 @ 0x5] [error] height not divisible by 2 (6x3)',
        '[error] Error initializing output stream 0:0 -- x',
      ],
      'height not divisible by 2 (6x3)',
    ],
    [['[warning] something odd', '[error] it broke', '[warning] later and less'], 'it broke'],
    [
      [
        '[h264 @ 0x5] [error] no frame!',
        '[h264 @ 0x5] [error] non-existing PPS 0 referenced',
        'Conversion failed!',
      ],
      undefined,
    ],
    [
      [
        '[warning] Codec AVOption tune (x) specified for output file #0 (pipe:1) has not been used for any stream.',
      ],
      undefined,
    ],
    [[], undefined],
  ])('%j', (lines, plain) => {
    expect(explain(...lines)).toBe(plain);
  });
});

test('progress: figures that FFmpeg does not know are absent; reports may come in any cut', () => {
  const reports: unknown[] = [];
  const parser = new ProgressParser((report) => reports.push(report));
  const text =
    'frame=0\nfps=0.00\nbitrate=N/A\nout_time_us=N/A\nspeed=N/A\nprogress=continue\n' +
    'frame=50\nfps=25.01\nstream_0_0_q=23.0\nbitrate=1503.5kbits/s\nout_time_us=2000000\nout_time_ms=2000000\ndup_frames=1\ndrop_frames=2\nspeed=1.01x\nprogress=end\n';
  for (const byte of text) parser.push(Buffer.from(byte));
  expect(reports).toEqual([
    { frame: 0, fps: 0 },
    { frame: 50, fps: 25.01, bitrateKbps: 1503.5, outTimeMs: 2000, dupFrames: 1, dropFrames: 2, speed: 1.01 },
  ]);
});
