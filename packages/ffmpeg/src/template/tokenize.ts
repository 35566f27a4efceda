import { StreampoolError } from '@streampool/errors';

/**
 * Splits a line into words as a POSIX shell would (XCU §2.2 quoting, §2.3 token recognition), and does nothing else
 * a shell does: no expansion, no globs, no operators, no comments. `$`, `` ` ``, `;`, `|`, `&`, `*`, `(` are ordinary
 * characters here, because a template is never given to a shell and FFmpeg's own syntax is full of them.
 * @throws StreampoolError TEMPLATE_INVALID for an open quote, a backslash at the end, or a NUL, which no program's argument can hold
 */
export function tokenize(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let at = 0;
  if (line.includes('\0')) throw invalid('it has a NUL');
  while (at < line.length) {
    const char = line[at++]!;
    if (char === ' ' || char === '\t' || char === '\n' || char === '\r') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === '\\') {
      if (at >= line.length) throw invalid('it ends in a backslash');
      const next = line[at++]!;
      // A backslash before a line end joins the two lines.
      if (next !== '\n') word = (word ?? '') + next;
    } else if (char === "'") {
      const close = line.indexOf("'", at);
      if (close < 0) throw invalid(`a single quote is never closed: ${excerpt(line, at - 1)}`);
      word = (word ?? '') + line.slice(at, close);
      at = close + 1;
    } else if (char === '"') {
      const quoted = readDoubleQuoted(line, at);
      word = (word ?? '') + quoted.text;
      at = quoted.end;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

function readDoubleQuoted(line: string, from: number): { text: string; end: number } {
  let text = '';
  for (let at = from; at < line.length; at++) {
    const char = line[at]!;
    if (char === '"') return { text, end: at + 1 };
    const next = line[at + 1];
    // Inside double quotes a backslash escapes only these; before anything else it stands for itself.
    if (char === '\\' && next !== undefined && '$`"\\\n'.includes(next)) {
      if (next !== '\n') text += next;
      at++;
    } else {
      text += char;
    }
  }
  throw invalid(`a double quote is never closed: ${excerpt(line, from - 1)}`);
}

function excerpt(line: string, from: number): string {
  return line.length - from > 30 ? `${line.slice(from, from + 30)}…` : line.slice(from);
}

function invalid(why: string): StreampoolError {
  return new StreampoolError('TEMPLATE_INVALID', `The template cannot be read: ${why}`);
}
