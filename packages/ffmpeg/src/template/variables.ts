import { StreampoolError } from '@streampool/errors';

/** A bit rate as FFmpeg takes it: bits per second, or with the suffix k or M. */
export const BITRATE = /^\d{1,9}(?:\.\d{1,3})?[kKmM]?$/;

const MIN_BITRATE = 1_000;
const MAX_BITRATE = 500_000_000;
const MAX_LENGTH = 500;

interface Shape {
  readonly name: RegExp;
  readonly valid: (value: string) => boolean;
  readonly wanted: string;
}

/** What the field's usual variables must look like; the first whose name matches applies. */
const SHAPES: readonly Shape[] = [
  {
    name: /bitrate|^(?:max|min)_?rate$|^buf_?size$/,
    valid: (value) => {
      const bits = bitsPerSecond(value);
      return bits !== undefined && bits >= MIN_BITRATE && bits <= MAX_BITRATE;
    },
    wanted: 'a bit rate between 1k and 500M, such as 2500k or 2.5M',
  },
  {
    name: /^crf$|^cq$|^qp$/,
    valid: (value) => /^\d{1,2}(?:\.\d{1,2})?$/.test(value) && Number(value) <= 51,
    wanted: 'a number from 0 to 51',
  },
  {
    name: /^format$/,
    valid: (value) => /^[a-z0-9_]{1,20}$/i.test(value),
    wanted: 'the name of a format, such as mpegts',
  },
  {
    name: /^output_args$/,
    valid: (value) => /^(?:pipe:1?|-|[\w-]{1,60}\.m3u8)?$/.test(value),
    wanted: 'pipe:1, the only output there is',
  },
];

/** Within a longer argument a value must not be able to add options or filters of its own. */
const INNER_VALUE = /^-?[A-Za-z0-9][A-Za-z0-9._+%/-]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\x00-\x1f\x7f]/;

/**
 * Checks a value that a client gave for a variable.
 * @param use `wholeArgument`: the variable is an argument by itself, not a part of one
 * @throws StreampoolError TEMPLATE_VARIABLE_INVALID, naming the variable and what is wanted
 */
export function checkVariable(name: string, value: string, use: { wholeArgument: boolean }): void {
  if (value.length > MAX_LENGTH || CONTROL.test(value)) {
    throw invalid(name, value, `printable text of at most ${MAX_LENGTH} characters`);
  }
  const shape = SHAPES.find((candidate) => candidate.name.test(name));
  if (shape) {
    if (!shape.valid(value)) throw invalid(name, value, shape.wanted);
  } else if (!use.wholeArgument && !INNER_VALUE.test(value)) {
    throw invalid(name, value, 'letters, digits and . _ + - / % only');
  }
}

/** The number of bits per second that `2500k` or `2.5M` means, or undefined if it is no bit rate. */
export function bitsPerSecond(value: string): number | undefined {
  if (!BITRATE.test(value)) return undefined;
  const factor = /k$/i.test(value) ? 1_000 : /m$/i.test(value) ? 1_000_000 : 1;
  return Number.parseFloat(value) * factor;
}

function invalid(name: string, value: string, wanted: string): StreampoolError {
  const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value;
  return new StreampoolError(
    'TEMPLATE_VARIABLE_INVALID',
    `The variable '${name}' cannot be '${shown}': it must be ${wanted}`,
    { info: { variable: name } },
  );
}
