import { StreampoolError } from '@streampool/errors';

/**
 * Filters that only compute: they open no file, no device path, no socket, load no library and run no command.
 * Left out on purpose although people know them: movie, subtitles, ass, drawtext (textfile, fontfile), lut3d, curves
 * (psfile), metadata (file), sendcmd, zmq, frei0r, ladspa, lv2, libplacebo, program_opencl, vidstab, dnn and arnndn
 * (models), and every source: a source is a further input. A test asks the real FFmpeg for their options.
 */
const FILTERS = new Set(
  `scale scale2ref zscale fps framerate format noformat null crop pad setsar setdar setpts settb setparams setrange setfield
  yadif bwdif w3fdif estdif kerndeint fieldorder fieldmatch decimate mpdecimate pullup telecine detelecine idet interlace
  tinterlace separatefields weave doubleweave field dejudder repeatfields framestep select trim loop tpad split overlay hflip
  vflip transpose rotate eq hue colorbalance colorchannelmixer colorlevels colormatrix colorspace colorcorrect colorcontrast
  colortemperature exposure huesaturation vibrance normalize negate monochrome tonemap deband deblock hqdn3d nlmeans owdenoise
  vaguedenoiser atadenoise bm3d dctdnoiz fftdnoiz removegrain unsharp cas smartblur boxblur gblur avgblur median
  sab pp pp7 spp fspp uspp drawbox drawgrid delogo fade fillborders vignette hstack vstack xstack blend mix tmix lut lutrgb
  lutyuv limiter minterpolate cropdetect blackdetect freezedetect signalstats scdet shuffleframes thumbnail lenscorrection
  hwupload hwdownload hwmap hwupload_cuda scale_cuda scale_npp scale_vaapi scale_qsv scale_vulkan scale_opencl vpp_qsv
  deinterlace_vaapi deinterlace_qsv yadif_cuda bwdif_cuda overlay_cuda overlay_vaapi overlay_qsv tonemap_vaapi tonemap_opencl
  procamp_vaapi denoise_vaapi sharpness_vaapi transpose_vaapi transpose_npp unsharp_opencl thumbnail_cuda
  anull aresample aformat asetpts asettb asetrate asetnsamples volume loudnorm dynaudnorm speechnorm acompressor alimiter agate
  acontrast compand mcompand pan channelmap channelsplit amerge amix join asplit atempo rubberband adelay afade acrossfade
  apad atrim aselect areverse highpass lowpass bandpass bandreject allpass equalizer anequalizer superequalizer bass treble
  highshelf lowshelf stereotools stereowiden extrastereo crossfeed haas surround earwax bs2b sidechaincompress sidechaingate
  silencedetect silenceremove volumedetect ebur128 replaygain dcshift deesser dialoguenhance adeclick adeclip afftdn anlmdn
  compensationdelay astats concat interleave ainterleave`
    .split(/\s+/)
    .filter(Boolean),
);

export function allowedFilters(): readonly string[] {
  return [...FILTERS];
}

/**
 * Checks a filter graph (ffmpeg-filters(1), "Filtergraph syntax"): every filter must be on the list, and no option may
 * be read from a file (`/option=path`, FFmpeg 7).
 * @throws StreampoolError TEMPLATE_OPTION_FORBIDDEN naming the filter, TEMPLATE_INVALID if it cannot be read
 */
export function checkFilterGraph(graph: string): void {
  for (const { name, args } of parseFilterGraph(graph)) {
    // `name@id` gives an instance a name.
    const filter = name.split('@', 1)[0]!;
    if (!FILTERS.has(filter)) {
      throw new StreampoolError('TEMPLATE_OPTION_FORBIDDEN', `The filter '${filter}' is not allowed`, {
        info: { filter },
      });
    }
    if (/(?:^|:)[\s'\\]*\//.test(args) || args.includes('://')) {
      throw new StreampoolError(
        'TEMPLATE_OPTION_FORBIDDEN',
        `The filter '${filter}' may not read a file or URL: ${args.slice(0, 60)}`,
        { info: { filter } },
      );
    }
  }
}

export interface FilterCall {
  readonly name: string;
  /** As the filter receives it: one level of quotes and backslashes removed. */
  readonly args: string;
}

/** The filters of a graph in their order, read with FFmpeg's own quoting rules (ffmpeg-utils(1), "Quoting and escaping"). */
export function parseFilterGraph(graph: string): FilterCall[] {
  const reader = new GraphReader(graph);
  const filters: FilterCall[] = [];
  if (reader.take(/^\s*sws_flags=[\w+]*;/)) reader.skipSpace();
  do {
    reader.skipLabels();
    const name = reader.token('=,;[');
    if (name === '') throw invalid(graph, 'a filter has no name');
    const args = reader.take(/^=/) ? reader.token('[],;') : '';
    filters.push({ name, args });
    reader.skipLabels();
  } while (reader.take(/^[,;]/));
  if (!reader.ended) throw invalid(graph, `unexpected '${reader.rest.slice(0, 20)}'`);
  return filters;
}

class GraphReader {
  rest: string;
  readonly #graph: string;

  constructor(graph: string) {
    this.#graph = graph;
    this.rest = graph;
  }

  get ended(): boolean {
    this.skipSpace();
    return this.rest === '';
  }

  skipSpace(): void {
    this.rest = this.rest.trimStart();
  }

  take(pattern: RegExp): boolean {
    const match = pattern.exec(this.rest);
    if (!match) return false;
    this.rest = this.rest.slice(match[0].length);
    return true;
  }

  skipLabels(): void {
    this.skipSpace();
    while (this.rest.startsWith('[')) {
      if (!this.take(/^\[[\w:?.# -]+\]/)) throw invalid(this.#graph, 'a link label cannot be read');
      this.skipSpace();
    }
  }

  /** Text up to one of `ends` outside quotes; quotes and backslashes removed; spaces around it dropped. */
  token(ends: string): string {
    this.skipSpace();
    let text = '';
    let at = 0;
    let kept = 0;
    while (at < this.rest.length && !ends.includes(this.rest[at]!)) {
      const char = this.rest[at++]!;
      if (char === '\\' && at < this.rest.length) {
        text += this.rest[at++];
        kept = text.length;
      } else if (char === "'") {
        const close = this.rest.indexOf("'", at);
        if (close < 0) throw invalid(this.#graph, 'a quote is never closed');
        text += this.rest.slice(at, close);
        at = close + 1;
        kept = text.length;
      } else {
        text += char;
        if (!/\s/.test(char)) kept = text.length;
      }
    }
    this.rest = this.rest.slice(at);
    return text.slice(0, kept);
  }
}

function invalid(graph: string, why: string): StreampoolError {
  const shown = graph.length > 60 ? `${graph.slice(0, 60)}…` : graph;
  return new StreampoolError('TEMPLATE_INVALID', `The filter graph '${shown}' cannot be read: ${why}`);
}
