import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { EncoderFamily } from '../profiles/video-encoders.ts';

export type HardwareFamily = Exclude<EncoderFamily, 'software'>;

export interface HardwareDevicesOptions {
  readonly platform?: NodeJS.Platform;
  /** Where the system keeps its devices. */
  readonly directory?: string;
}

/** What a machine would need for an encoder to work at all. That it is there says nothing of whether it works. */
export class HardwareDevices {
  readonly #platform: NodeJS.Platform;
  readonly #directory: string;

  constructor({ platform = process.platform, directory = '/dev' }: HardwareDevicesOptions = {}) {
    this.#platform = platform;
    this.#directory = directory;
  }

  /** False only where it is certain that it cannot work. */
  mayServe(family: HardwareFamily): boolean {
    if (family === 'videotoolbox') return this.#platform === 'darwin';
    if (this.#platform !== 'linux') return true;
    // Under WSL all of a graphics card is behind /dev/dxg.
    if (this.#has('dxg')) return true;
    if (family === 'nvenc') return this.#has('nvidiactl') || this.#has('nvidia0');
    return this.#renderNodes().length > 0;
  }

  #has(name: string): boolean {
    return existsSync(join(this.#directory, name));
  }

  /** Quick Sync and VA-API, through the kernel's Direct Rendering Manager. */
  #renderNodes(): string[] {
    try {
      return readdirSync(join(this.#directory, 'dri')).filter((name) => name.startsWith('renderD'));
    } catch {
      return [];
    }
  }
}
