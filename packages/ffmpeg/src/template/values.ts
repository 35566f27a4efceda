import { StreampoolError } from '@streampool/errors';
import { checkFilterGraph } from './filter-graph.ts';
import type { ValueKind } from './options.ts';

const MAX_LENGTH = 2000;

/** The shape each kind of value must have, and how a message calls it. Kinds not here are checked by code. */
const SHAPES: Partial<Record<ValueKind, readonly [RegExp, string]>> = {
  number: [/^[-+]?\d+(?:\.\d+)?(?:[kKmMgG]i?)?B?$/, 'a number'],
  word: [/^[-+\w][-+\w.,:%=/@*()|!]*$/, 'a plain value (letters, digits and punctuation, no spaces)'],
  codec: [/^[a-z0-9][\w-]*$/, 'the name of a codec'],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it keeps out
  text: [/^[^\x00-\x08\x0b-\x1f\x7f]*$/, 'printable text'],
  expression: [/^[-+\w.,:*()/]+$/, 'times or an expression'],
  map: [
    /^(?:-?0(?::[\w:#-]+)?\??|\[[\w:.-]+\])$/,
    'a stream of the one input (0:v:0, 0:a?) or a filter output ([out])',
  ],
  device: [
    /^(?:\/dev\/dri\/(?:renderD|card)\d{1,3}|\d{1,2}|[a-z][\w.-]*)$/,
    'a device under /dev/dri, a number or a name',
  ],
  hardware: [
    /^[a-z0-9]+(?:=[\w.-]+)?(?:@[\w.-]+)?(?::(?:\/dev\/dri\/(?:renderD|card)\d{1,3}|[\w.-]+)?)?(?:,[\w.-]+=[\w.-]*)*$/,
    'type=name:device, the device under /dev/dri or a number',
  ],
};

/**
 * Settings of libx264 and libx265 that take numbers or names. Those that read or write files (stats, qpfile, cqmfile,
 * csv, dump-yuv, recon, analysis-save, zonefile, scaling-list, lambda-file, …) are not here.
 */
const ENCODER_PARAMETERS = new Set(
  `keyint min-keyint keyint-min scenecut no-scenecut open-gop bframes b-adapt b-pyramid b-bias ref no-deblock deblock
  intra-refresh bitrate crf crf-max crf-min qp qpmin qpmax qpstep ratetol ipratio pbratio vbv-maxrate vbv-bufsize vbv-init
  rc-lookahead lookahead-slices lookahead-threads aq-mode aq-strength cutree mbtree no-mbtree qcomp cplxblur qblur me merange
  subme subq psy psy-rd psy-rdoq rd rdoq-level mixed-refs 8x8dct chroma-me trellis fast-pskip dct-decimate deadzone-inter
  deadzone-intra weightb no-weightb weightp weightb direct partitions nr noise-reduction cabac no-cabac level level-idc profile
  preset tune tier bluray-compat slices slice-max-size slice-max-mbs slices-max sliced-threads threads pools frame-threads wpp
  nal-hrd filler force-cfr aud hrd interlaced tff bff fake-interlaced pulldown sar overscan videoformat range fullrange
  colorprim transfer colormatrix chromaloc info repeat-headers annexb sync-lookahead asm no-asm log-level log strong-intra-smoothing
  rect amp max-merge limit-refs limit-modes early-skip rskip fast-intra b-intra sao no-sao limit-sao ctu min-cu-size tu-intra-depth
  tu-inter-depth hme tskip signhide cu-lossless hdr10 hdr10-opt master-display max-cll idr-recovery-sei temporal-layers
  high-tier uhd-bd allow-non-conformance strict-cbr const-vbv gop-lookahead radl copy-pic splitrd-skip`
    .split(/\s+/)
    .filter(Boolean),
);

/**
 * Checks the value of an option.
 * @param option as it is written, for the message: `-b:v`
 * @throws StreampoolError TEMPLATE_INVALID, TEMPLATE_OPTION_FORBIDDEN, TEMPLATE_PROTOCOL_FORBIDDEN
 */
export function checkValue(option: string, kind: ValueKind, value: string): void {
  if (value === '' || value.length > MAX_LENGTH) {
    throw new StreampoolError('TEMPLATE_INVALID', `${option} has no value, or one that is too long`, {
      info: { option },
    });
  }
  // Text reaches no option that opens anything; everywhere else a URL or a path is an attack or a mistake.
  if (kind === 'filter') checkFilterGraph(value);
  if (kind !== 'text') refuseLocations(option, value);
  if (kind === 'filter') return;
  if (kind === 'parameters') checkEncoderParameters(option, value);
  else {
    const [shape, wanted] = SHAPES[kind] ?? [/^/, ''];
    if (shape.test(value)) return;
    throw new StreampoolError(
      'TEMPLATE_INVALID',
      `${option} cannot be '${shorten(value)}': it must be ${wanted}`,
      {
        info: { option },
      },
    );
  }
}

/** Protocols of FFmpeg that name something outside; `://` is refused whatever stands before it. */
const LOCATION =
  /:\/\/|^(?:file|fd|concat|concatf|subfile|cache|async|crypto|data|pipe|unix|tcp|udp|rtp|tee|md5|tls|http|https|ftp|sftp|smb|rtmp|srt|ipfs|lavfi|hls)[:,]/i;

function refuseLocations(option: string, value: string): void {
  if (!LOCATION.test(value)) return;
  throw new StreampoolError(
    'TEMPLATE_PROTOCOL_FORBIDDEN',
    `${option} may not name a file or URL: '${shorten(value)}'`,
    {
      info: { option },
    },
  );
}

function checkEncoderParameters(option: string, value: string): void {
  for (const pair of value.split(':')) {
    const [key = '', ...rest] = pair.split('=');
    const plain = /^[-\w.,()/|]*$/.test(rest.join('=')) && rest.length <= 1 && !rest[0]?.startsWith('/');
    if (ENCODER_PARAMETERS.has(key.replaceAll('_', '-')) && plain) continue;
    throw new StreampoolError('TEMPLATE_OPTION_FORBIDDEN', `${option}: '${shorten(pair)}' is not allowed`, {
      info: { option },
    });
  }
}

export function shorten(value: string): string {
  return value.length > 60 ? `${value.slice(0, 60)}…` : value;
}
