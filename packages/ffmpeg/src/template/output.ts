import { StreampoolError } from '@streampool/errors';
import { shorten } from './values.ts';

/**
 * Formats a client may ask for, all of which become MPEG-TS here: viewers share a ring of transport packets, and
 * HLS is cut from the same ring, so one FFmpeg serves both.
 */
const FORMATS: Readonly<Record<string, 'mpegts' | 'hls'>> = {
  mpegts: 'mpegts',
  ts: 'mpegts',
  m2ts: 'mpegts',
  hls: 'hls',
  m3u8: 'hls',
};

/** @throws StreampoolError TEMPLATE_OUTPUT_FORBIDDEN for a format that cannot be shared */
export function checkFormat(format: string): 'mpegts' | 'hls' {
  const known = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  if (known) return known;
  throw new StreampoolError(
    'TEMPLATE_OUTPUT_FORBIDDEN',
    `The output format '${shorten(format)}' cannot be shared among viewers: use mpegts (or hls)`,
    { info: { format: shorten(format) } },
  );
}

/**
 * Accepts the one output there is: the pipe. A playlist's plain name is accepted with `-f hls`, as templates for HLS
 * have one; it is not written.
 * @throws StreampoolError TEMPLATE_OUTPUT_FORBIDDEN, TEMPLATE_PROTOCOL_FORBIDDEN
 */
export function checkOutput(output: string, format: 'mpegts' | 'hls'): void {
  if (/^(?:-|pipe:1?)$/.test(output)) return;
  if (format === 'hls' && /^\w[\w-]*\.m3u8$/.test(output)) return;
  if (/^[a-z][a-z0-9+.-]*[:,]/i.test(output)) {
    throw new StreampoolError(
      'TEMPLATE_PROTOCOL_FORBIDDEN',
      `The output must be pipe:1, not '${shorten(output)}'`,
    );
  }
  throw new StreampoolError(
    'TEMPLATE_OUTPUT_FORBIDDEN',
    `'${shorten(output)}' would be an output file: the output must be pipe:1`,
  );
}
