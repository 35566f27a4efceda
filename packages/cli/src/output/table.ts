import { stripVTControlCharacters } from 'node:util';

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => string | number | null | undefined;
  readonly align?: 'right';
}

const GAP = '  ';
/** A column is not made narrower than this: less of a name says nothing. */
const LEAST_WIDTH = 8;
const CUT = '…';

/**
 * Rows under their titles, in columns as wide as they need. Control characters of what others wrote are left out.
 * `width`: of the terminal, in characters; the widest columns of text give way, with `…` where something is missing.
 */
export function table<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  { width = Number.POSITIVE_INFINITY }: { width?: number } = {},
): string {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row))));
  const needed = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((row) => row[at]!.length)),
  );
  const widths = fitted(columns, needed, width);
  const line = (texts: readonly string[]): string =>
    cut(
      texts
        .map((text, at) => {
          const shown = cut(text, widths[at]!);
          return columns[at]!.align === 'right' ? shown.padStart(widths[at]!) : shown.padEnd(widths[at]!);
        })
        .join(GAP)
        .trimEnd(),
      width,
    );
  return [line(columns.map(({ title }) => title)), ...cells.map(line)].join('\n');
}

/** Takes from the widest column of text, one character after the other, until all fit or none can give any more. */
function fitted(columns: readonly Column<never>[], needed: readonly number[], width: number): number[] {
  const widths = [...needed];
  let over = widths.reduce((sum, each) => sum + each + GAP.length, -GAP.length) - width;
  const mayGive = columns.map(({ align, title }, at) =>
    align === 'right' ? 0 : Math.max(0, widths[at]! - Math.max(title.length, LEAST_WIDTH)),
  );
  while (over > 0) {
    let widest = -1;
    for (const [at, each] of widths.entries()) {
      if (mayGive[at]! > 0 && (widest < 0 || each > widths[widest]!)) widest = at;
    }
    if (widest < 0) break;
    widths[widest]! -= 1;
    mayGive[widest]! -= 1;
    over -= 1;
  }
  return widths;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : text.slice(0, Math.max(0, width - 1)) + CUT;
}

function printable(value: string | number | null | undefined): string {
  if (value === null || value === undefined || value === '') return '-';
  return stripVTControlCharacters(String(value)).replace(/\p{Cc}/gu, ' ');
}

/** `12.3 MB` and the like; powers of 1,000. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = count;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `2h 05m`: the two largest parts of a time in seconds. */
export function elapsed(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  const two = (value: number): string => String(value).padStart(2, '0');
  if (days > 0) return `${days}d ${two(hours)}h`;
  if (hours > 0) return `${hours}h ${two(minutes)}m`;
  return minutes > 0 ? `${minutes}m ${two(whole % 60)}s` : `${whole}s`;
}

/** Seconds from an ISO time until now. */
export function since(iso: string, nowMs: number): string {
  return elapsed((nowMs - Date.parse(iso)) / 1000);
}
