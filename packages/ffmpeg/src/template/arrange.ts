import { StreampoolError } from '@streampool/errors';
import { INPUT_PLACEHOLDER } from '../command-line.ts';
import { type OptionRule, optionRule } from './options.ts';
import { checkFormat, checkOutput } from './output.ts';
import type { Argument } from './placeholders.ts';
import { checkValue, shorten } from './values.ts';

/** An option as FFmpeg gets it. */
export interface OptionUse {
  /** Without dash and stream specifier: `b` for `-b:v`. */
  readonly name: string;
  /** `['-b:v', '2M']`, or `['-an']`. */
  readonly args: readonly string[];
}

/** A template that has been understood and found harmless: one input, one output, to the pipe. */
export interface Arrangement {
  readonly inputOptions: readonly OptionUse[];
  /** Without `-f` and the output itself. */
  readonly outputOptions: readonly OptionUse[];
  /** Options that were accepted and left out, with the reason. */
  readonly dropped: readonly { readonly option: string; readonly reason: string }[];
}

/** The stream specifiers that may follow a name: `:v`, `:a:0`, `:s:v:0`, `:m:language:eng`. */
const OPTION = /^-([A-Za-z0-9][\w-]*)((?::[\w#.?-]+)*)$/;

/** Demuxers a template may insist on: those of media, none of lists of other URLs (concat), devices or graphs (lavfi). */
const INPUT_FORMATS = new Set(
  'mpegts hls matroska webm mov mp4 m4a flv mpeg avi asf ogg mp3 aac ac3 eac3 h264 hevc mpegvideo'.split(' '),
);

/** Options that FFmpeg takes on both sides and that mean the input where a template has no `-i` to tell. */
const INPUT_BY_NATURE = new Set(
  `fflags probesize analyzeduration fpsprobesize formatprobesize max_probe_packets correct_ts_overflow rtbufsize
  use_wallclock_as_timestamps thread_queue_size vaapi_device qsv_device init_hw_device`.split(/\s+/),
);

/**
 * Reads arguments option by option, as FFmpeg itself does, and accepts only what is on the list.
 * @throws StreampoolError TEMPLATE_* naming the argument or the variable
 */
export function arrange(args: readonly Argument[]): Arrangement {
  const reader = new ArgumentReader();
  for (let at = 0; at < args.length; ) at += reader.read(args[at]!, args[at + 1]);
  return reader.finish();
}

class ArgumentReader {
  readonly #before: { use: OptionUse; rule: OptionRule }[] = [];
  readonly #after: { use: OptionUse; rule: OptionRule }[] = [];
  readonly #dropped: { option: string; reason: string }[] = [];
  #inputSeen = false;
  #output: string | undefined;

  /** Takes an argument; returns how many were used up (1, or 2 with the option's value). */
  read(arg: Argument, next: Argument | undefined): number {
    // `{output_args|}` with nothing given means nothing.
    if (arg.text === '' && arg.variables.length > 0) return 1;
    if (!arg.text.startsWith('-') || arg.text === '-') {
      this.#takeOutput(arg.text);
      return 1;
    }
    if (!arg.literalStart) {
      const variable = arg.variables[0] ?? '';
      throw new StreampoolError(
        'TEMPLATE_VARIABLE_INVALID',
        `The variable '${variable}' may not add options: '${shorten(arg.text)}'`,
        { info: { variable } },
      );
    }
    if (this.#output !== undefined) {
      throw new StreampoolError(
        'TEMPLATE_OUTPUT_FORBIDDEN',
        `'${shorten(arg.text)}' stands after the output '${shorten(this.#output)}'`,
      );
    }
    if (arg.text === '-i') {
      this.#takeInput(next);
      return 2;
    }
    return this.#takeOption(arg, next);
  }

  finish(): Arrangement {
    const all = this.#inputSeen
      ? { input: this.#before, output: this.#after }
      : {
          input: this.#before.filter(
            ({ use, rule }) => rule.place === 'input' || INPUT_BY_NATURE.has(use.name),
          ),
          output: this.#before.filter(
            ({ use, rule }) => rule.place !== 'input' && !INPUT_BY_NATURE.has(use.name),
          ),
        };
    for (const { use, rule } of all.input) if (rule.place === 'output') throw misplaced(use, 'after');
    for (const { use, rule } of all.output) if (rule.place === 'input') throw misplaced(use, 'before');
    const inputOptions = all.input.map(({ use }) => use);
    for (const use of inputOptions) if (use.name === 'f') checkInputFormat(use.args[1] ?? '');
    const outputOptions = all.output.map(({ use }) => use);
    const formats = outputOptions
      .filter(({ name }) => name === 'f')
      .map(({ args }) => checkFormat(args[1] ?? ''));
    if (this.#output !== undefined) checkOutput(this.#output, formats.at(-1) ?? 'mpegts');
    return {
      inputOptions,
      outputOptions: outputOptions.filter(({ name }) => name !== 'f'),
      dropped: this.#dropped,
    };
  }

  #takeOutput(text: string): void {
    if (text === INPUT_PLACEHOLDER) {
      throw new StreampoolError('TEMPLATE_INPUT_FORBIDDEN', `${INPUT_PLACEHOLDER} must follow -i`);
    }
    if (this.#output !== undefined) {
      throw new StreampoolError('TEMPLATE_OUTPUT_FORBIDDEN', `There is a second output: '${shorten(text)}'`);
    }
    this.#output = text;
  }

  #takeInput(value: Argument | undefined): void {
    if (value?.text !== INPUT_PLACEHOLDER) {
      throw new StreampoolError(
        'TEMPLATE_INPUT_FORBIDDEN',
        `-i '${shorten(value?.text ?? '')}': the only input is ${INPUT_PLACEHOLDER}`,
      );
    }
    if (this.#inputSeen) {
      throw new StreampoolError(
        'TEMPLATE_INPUT_FORBIDDEN',
        'There is a second -i: the stream is the only input',
      );
    }
    this.#inputSeen = true;
  }

  #takeOption(option: Argument, value: Argument | undefined): number {
    const name = OPTION.exec(option.text)?.[1];
    const rule = name === undefined ? undefined : optionRule(name);
    if (name === undefined || rule === undefined) {
      throw new StreampoolError(
        'TEMPLATE_OPTION_FORBIDDEN',
        `The option '${shorten(option.text)}' is not allowed`,
        {
          info: { option: shorten(option.text) },
        },
      );
    }
    const args = [option.text];
    if (rule.value !== 'flag') {
      if (!value || value.text === INPUT_PLACEHOLDER) throw noValue(option.text);
      args.push(value.text);
    }
    if (rule.dropped !== undefined) this.#dropped.push({ option: option.text, reason: rule.dropped });
    else {
      if (value && rule.value !== 'flag') checkOptionValue(option.text, rule, value);
      (this.#inputSeen ? this.#after : this.#before).push({ use: { name, args }, rule });
    }
    return args.length;
  }
}

function checkOptionValue(option: string, rule: OptionRule, value: Argument): void {
  if (rule.value === 'format') return; // judged by `finish`, which knows the side
  try {
    checkValue(option, rule.value, value.text);
  } catch (error) {
    const variable = value.variables[0];
    // A template that is sound by itself was spoilt by what somebody put in: name that.
    if (error instanceof StreampoolError && error.code === 'TEMPLATE_INVALID' && variable !== undefined) {
      throw new StreampoolError('TEMPLATE_VARIABLE_INVALID', `The variable '${variable}': ${error.message}`, {
        info: { variable },
      });
    }
    throw error;
  }
}

function checkInputFormat(format: string): void {
  if (INPUT_FORMATS.has(format)) return;
  throw new StreampoolError(
    'TEMPLATE_INPUT_FORBIDDEN',
    `The input format '${shorten(format)}' is not allowed: leave -f out before -i, or name a media format`,
    { info: { format: shorten(format) } },
  );
}

function misplaced(use: OptionUse, side: 'before' | 'after'): StreampoolError {
  const option = use.args[0] ?? '';
  return new StreampoolError('TEMPLATE_INVALID', `${option} belongs ${side} -i ${INPUT_PLACEHOLDER}`, {
    info: { option },
  });
}

function noValue(option: string): StreampoolError {
  return new StreampoolError('TEMPLATE_INVALID', `${option} has no value`, { info: { option } });
}
