import type { Clock } from '../clock.ts';
import type { DetectionOverrides, DetectionSettings } from './detection-settings.ts';
import type { MakeWatch } from './lane-watches.ts';
import type { SampleDecoder } from './sample-decoder.ts';
import { SourceWatch } from './source-watch.ts';

export interface WatchingOptions {
  /** Where a stream says nothing else. */
  readonly settings: DetectionSettings;
  /** Of the whole process. */
  readonly decoder: SampleDecoder;
  readonly clock: Clock;
}

/** Who watches which sources, by what settings. */
export class Watching {
  readonly #options: WatchingOptions;

  constructor(options: WatchingOptions) {
    this.#options = options;
  }

  /** What comes from providers. A relay was watched by its owner. */
  providers(overrides: DetectionOverrides | undefined): MakeWatch {
    return (kind, onFault) => (kind === 'upstream' ? this.#watch(overrides, onFault) : undefined);
  }

  /** What FFmpeg puts out, where nobody but FFmpeg sees what it reads. */
  encoders(overrides: DetectionOverrides | undefined, readsAlone: () => boolean): MakeWatch {
    return (kind, onFault) =>
      kind === 'ffmpeg' && readsAlone() ? this.#watch(overrides, onFault) : undefined;
  }

  #watch(overrides: DetectionOverrides = {}, onFault: Parameters<MakeWatch>[1]): SourceWatch {
    const { settings, decoder, clock } = this.#options;
    const { picture, silence, ...others } = overrides;
    const merged: DetectionSettings = {
      ...settings,
      ...others,
      picture: { ...settings.picture, ...picture },
      silence: { ...settings.silence, ...silence },
    };
    return new SourceWatch(merged, { now: () => clock.now(), decoder, findProgram: true, onFault });
  }
}
