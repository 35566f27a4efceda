import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { tokenize } from '../../src/template/tokenize.ts';

describe('tokenize', () => {
  test.each<[string, string[]]>([
    ['', []],
    ['   \t\n ', []],
    ['-c copy', ['-c', 'copy']],
    ['  -c \t copy\n', ['-c', 'copy']],
    [`-vf 'scale=-2:720, fps=30'`, ['-vf', 'scale=-2:720, fps=30']],
    [`-metadata title="a 'b' c"`, ['-metadata', `title=a 'b' c`]],
    [`'a'"b"c\\ d`, ['abc d']],
    [`'' ""`, ['', '']],
    [`a\\\nb`, ['ab']],
    [`"a\\\nb"`, ['ab']],
    [`"\\$x \\\` \\" \\\\ \\n"`, ['$x ` " \\ \\n']],
    [`'\\n'`, ['\\n']],
    ['\\\\ \\"', ['\\', '"']],
  ])('%j becomes %j', (line, words) => {
    expect(tokenize(line)).toEqual(words);
  });

  test('nothing is expanded, run or taken for an operator', () => {
    const line = '$HOME `id` $(id) *.ts ~ a;b a|b a&b a>b <c #d {e,f} !g';
    expect(tokenize(line)).toEqual(line.split(' ').filter(Boolean));
  });

  test.each(["'open", '"open', 'a "b', 'end\\'])('%j is refused', (line) => {
    expect(() => tokenize(line)).toThrow(expect.objectContaining({ code: 'TEMPLATE_INVALID' }));
  });

  test('words in single quotes come back as they were', () => {
    const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (words) => {
        expect(tokenize(words.map(quote).join(' '))).toEqual(words);
      }),
    );
  });

  test('a shell reads quotes and backslashes the same way', () => {
    // Only what a shell does not expand: the point is quoting, and everything else here is literal on purpose.
    const piece = fc.constantFrom('a', 'b c', "'", '"', '\\', '\\\\', ' ', '-x', '=', ':', '\\"', "\\'");
    const lines = fc.sample(fc.array(piece, { maxLength: 12 }), 120).map((pieces) => pieces.join(''));
    const readable = lines.flatMap((line) => {
      try {
        return [{ line, words: tokenize(line) }];
      } catch {
        return [];
      }
    });
    const script = readable.map(({ line }) => `printf '%s\\0' ${line}\nprintf '\\1'`).join('\n');
    const out = execFileSync('sh', ['-c', script], { encoding: 'utf8' });
    const shell = out
      .split('\x01')
      .slice(0, -1)
      .map((words) => words.split('\0').slice(0, -1));
    // printf without arguments prints its format once: an empty line gives one empty word.
    expect(shell).toEqual(readable.map(({ words }) => (words.length === 0 ? [''] : words)));
    expect(readable.length).toBeGreaterThan(20);
  });
});

test('a NUL is refused wherever it stands: no program could be started with it', () => {
  for (const line of ['-vf scale=2\0', "'\0'", '"a\0"', '\\\0'])
    expect(() => tokenize(line)).toThrow(expect.objectContaining({ code: 'TEMPLATE_INVALID' }));
});
