import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Gauge, type Registry } from 'prom-client';
import type { Meter } from './duration-histogram.ts';
import { withinPatience } from './job-meter.ts';

/** How full the disks are that this process writes to. */
export class DiskMeter implements Meter {
  readonly #directories: Readonly<Record<string, string>>;

  /** Paths by what they are for. One that does not exist yet will be made where its parent is. */
  constructor(directories: Readonly<Record<string, string>>) {
    this.#directories = directories;
  }

  register(registry: Registry): void {
    const free: Gauge<'directory'> = new Gauge({
      name: 'streampool_disk_free_bytes',
      help: 'Bytes that this process can still write to the disk of a directory (data: state and files; hls: segments that memory is too small for; broadcasts and recordings: what networks show).',
      labelNames: ['directory'],
      registers: [registry],
      collect: () => this.#collect(free, ({ bavail, bsize }) => bavail * bsize),
    });
    const size: Gauge<'directory'> = new Gauge({
      name: 'streampool_disk_size_bytes',
      help: 'Bytes that the disk of a directory holds.',
      labelNames: ['directory'],
      registers: [registry],
      collect: () => this.#collect(size, ({ blocks, bsize }) => blocks * bsize),
    });
  }

  async #collect(gauge: Gauge<'directory'>, figure: (disk: StatsFs) => number): Promise<void> {
    const entries = Object.entries(this.#directories);
    const disks = await Promise.all(entries.map(([, path]) => withinPatience(diskOf(path))));
    gauge.reset();
    for (const [at, [directory]] of entries.entries()) {
      const disk = disks[at];
      if (disk) gauge.set({ directory }, figure(disk));
    }
  }
}

async function diskOf(path: string): Promise<StatsFs> {
  try {
    return await statfs(path);
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
    return diskOf(parent);
  }
}
