import fc from 'fast-check';
import { redactingLogger } from '../src/output/logger.ts';
import { bytes, elapsed, table } from '../src/output/table.ts';

test('a table is as wide as it needs to be', () => {
  const rows = [
    { name: 'a', count: 5 },
    { name: 'long name', count: 12_345 },
    { name: '\u001b[31mred\u0007', count: null },
  ];
  expect(
    table(
      [
        { title: 'NAME', cell: (row) => row.name },
        { title: 'N', cell: (row) => row.count, align: 'right' },
      ],
      rows,
    ),
  ).toBe(['NAME           N', 'a              5', 'long name  12345', 'red            -'].join('\n'));
});

describe('a table in a terminal that is too narrow', () => {
  const columns = [
    { title: 'NAME', cell: (row: { name: string }) => row.name },
    { title: 'URL', cell: () => 'http://provider.example/live.ts' },
    { title: 'N', cell: () => 12_345, align: 'right' as const },
  ];

  test('the widest text gives way, numbers stay whole', () => {
    expect(table(columns, [{ name: 'a' }], { width: 32 })).toBe(
      ['NAME  URL                      N', 'a     http://provider.ex…  12345'].join('\n'),
    );
  });

  test('no line is wider than the terminal, however narrow that is', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 120 }), (name, width) => {
        const lines = table(columns, [{ name }, { name: 'x' }], { width }).split('\n');
        expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width);
      }),
    );
  });
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [1_234_567, '1.2 MB'],
])('%i bytes are %s', (count, shown) => expect(bytes(count)).toBe(shown));

test.each([
  [5.9, '5s'],
  [65, '1m 05s'],
  [3_600, '1h 00m'],
  [90_000, '1d 01h'],
  [-3, '0s'],
])('%d seconds are %s', (seconds, shown) => expect(elapsed(seconds)).toBe(shown));

describe('the log', () => {
  function logged(write: (log: ReturnType<typeof redactingLogger>) => void): string[] {
    const lines: string[] = [];
    write(redactingLogger('trace', { write: (line) => void lines.push(line) }));
    return lines;
  }

  test('hides the logins of URLs wherever they stand', () => {
    const lines = logged((log) => {
      log.info({ url: 'http://bob:s3cret@h/a', nested: { deep: ['http://h/live/bob/s3cret/1.ts'] } }, 'x');
      log.warn('opened "http://h/?password=s3cret" and http://h/?token=s3cret\nthen went on');
      log.error({ err: new Error('http://bob:s3cret@h/', { cause: new Error('http://h/?token=s3cret') }) });
    });
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).not.toContain('s3cret');
      expect(JSON.parse(line).level).toMatch(/info|warn|error/);
    }
    expect(lines[1]).toContain('then went on');
  });

  test('stays JSON whatever is written', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom('http://h/?token=abc', '"', '\\', '\n', 'http://u:p@h/', '://', '@', '?sig='),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const message = pieces.join('');
        const [line] = logged((log) => log.info({ message }, message));
        expect(() => JSON.parse(line!)).not.toThrow();
      }),
    );
  });
});
