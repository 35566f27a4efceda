/** Run as a process of its own: owns the FFmpeg given on its command line, says its pid once there is output. */
import { FfmpegProcess } from '../../src/index.ts';

const [ffmpegPath = 'ffmpeg', ...args] = process.argv.slice(2);
let told = false;
const child = new FfmpegProcess(
  { ffmpegPath, args, stallTimeoutMs: 60_000, startTimeoutMs: 60_000, stopGraceMs: 1_000 },
  {
    data: () => {
      if (!told) process.stdout.write(`${child.pid}\n`);
      told = true;
    },
    progress: () => {},
    exit: () => process.exit(1),
  },
);
child.start();
