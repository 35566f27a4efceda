import { StreampoolError } from '@streampool/errors';
import { INPUT_PLACEHOLDER } from '../command-line.ts';
import { checkVariable } from './variables.ts';

/** One argument for FFmpeg, and where its text came from. */
export interface Argument {
  readonly text: string;
  /** The variables that are part of the text. */
  readonly variables: readonly string[];
  /** True if the template itself, not a variable, wrote the first character. */
  readonly literalStart: boolean;
}

export interface Substitution {
  readonly args: Argument[];
  /** Every variable of the template except the input's URL, with the value that was used. */
  readonly used: Record<string, string>;
}

const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_]*)(?:\|([^{}]*))?\}/g;

/**
 * Puts values into the words of a template: `{name}` or `{name|default}`. A word stays one argument whatever is put
 * in it. `{input_url}` stays a placeholder, for the URL is known only when FFmpeg starts.
 * @param alsoKnown names that may have a value without being part of the template
 * @throws StreampoolError TEMPLATE_VARIABLE_UNKNOWN, TEMPLATE_VARIABLE_INVALID, TEMPLATE_INVALID
 */
export function substitute(
  words: readonly string[],
  values: Readonly<Record<string, string>>,
  alsoKnown: Iterable<string> = [],
): Substitution {
  const used: Record<string, string> = {};
  const args = words.map((word) => substituteWord(word, values, used));
  const known = new Set([...Object.keys(used), ...alsoKnown]);
  for (const name of Object.keys(values)) {
    if (known.has(name)) continue;
    if (name === 'input_url') {
      throw new StreampoolError(
        'TEMPLATE_VARIABLE_INVALID',
        "The variable 'input_url' cannot be set: it is the stream's URL",
        {
          info: { variable: name },
        },
      );
    }
    throw new StreampoolError(
      'TEMPLATE_VARIABLE_UNKNOWN',
      `The profile has no variable '${name}' (it has: ${[...known].sort().join(', ') || 'none'})`,
      { info: { variable: name } },
    );
  }
  return { args, used };
}

function substituteWord(
  word: string,
  values: Readonly<Record<string, string>>,
  used: Record<string, string>,
): Argument {
  const variables: string[] = [];
  let text = '';
  let literalStart = true;
  let end = 0;
  for (const match of word.matchAll(PLACEHOLDER)) {
    const [placeholder, name = '', fallback] = match;
    text += checkLiteral(word.slice(end, match.index), word);
    end = match.index + placeholder.length;
    if (name === 'input_url') {
      if (word !== INPUT_PLACEHOLDER) {
        throw new StreampoolError(
          'TEMPLATE_INPUT_FORBIDDEN',
          `'${word}': ${INPUT_PLACEHOLDER} must be an argument of its own, after -i`,
        );
      }
      return { text: INPUT_PLACEHOLDER, variables: [], literalStart: true };
    }
    const given = Object.hasOwn(values, name) ? values[name] : undefined;
    const value = given ?? fallback;
    if (value === undefined) {
      throw new StreampoolError(
        'TEMPLATE_VARIABLE_UNKNOWN',
        `The variable '${name}' has no value and no default`,
        {
          info: { variable: name },
        },
      );
    }
    // A default was written by the template's author, who may put in whatever a template may hold; its shape still counts.
    checkVariable(name, value, { wholeArgument: given === undefined || placeholder === word });
    if (match.index === 0 && given !== undefined) literalStart = false;
    variables.push(name);
    used[name] = value;
    text += value;
  }
  text += checkLiteral(word.slice(end), word);
  return { text, variables, literalStart };
}

/** A brace that belongs to no placeholder is a typing error, which FFmpeg would report as something else. */
function checkLiteral(text: string, word: string): string {
  if (/[{}]/.test(text)) {
    throw new StreampoolError('TEMPLATE_INVALID', `'${word}': write a variable as {name} or {name|default}`);
  }
  return text;
}
