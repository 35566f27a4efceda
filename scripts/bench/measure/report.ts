/** A figure by the name of its column; undefined where it does not apply. */
export type Row = Readonly<Record<string, string | number | boolean | undefined>>;

/** Prints rows as a table with aligned columns; numbers to three significant digits. */
export function printTable(rows: readonly Row[]): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  print([columns, ...rows.map((row) => columns.map((column) => format(row[column])))]);
}

/** Prints few rows with many columns: a line for each column, the first of them as the heading. */
export function printComparison(rows: readonly Row[]): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  print(columns.map((column) => [column, ...rows.map((row) => format(row[column]))]));
}

function print([head = [], ...body]: readonly (readonly string[])[]): void {
  const lines = [head, ...body];
  const widths = head.map((_, index) => Math.max(...lines.map((line) => line[index]!.length)));
  const text = (line: readonly string[]): string =>
    line
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[index]!)))
      .join('  ');
  console.log(
    [text(head), widths.map((width) => '-'.repeat(width)).join('  '), ...body.map(text)].join('\n'),
  );
}

function format(value: Row[string]): string {
  if (value === undefined) return '–';
  if (typeof value !== 'number') return String(value);
  return Number.isInteger(value) ? `${value}` : `${Number(value.toPrecision(3))}`;
}

/** Progress goes to stderr: stdout is for the result alone. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
