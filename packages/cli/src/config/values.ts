import { z } from 'zod';

/** How a setting is written: what it is read into, and what a person is told is allowed. */
export interface ValueType<T> {
  readonly schema: z.ZodType<T, string>;
  readonly allowed: string;
  /** The value as it would be written, for showing what is in force. */
  readonly show: (value: T) => string;
}

function type<T>(
  allowed: string,
  parse: (text: string) => T | undefined,
  show: (value: T) => string = String,
): ValueType<T> {
  const schema = z.string().transform((text, context): T => {
    const value = parse(text.trim());
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: `must be ${allowed}` });
    return z.NEVER;
  });
  return { schema, allowed, show };
}

export function text(allowed: string, pattern = /^.*$/s): ValueType<string> {
  return type(allowed, (value) => (pattern.test(value) ? value : undefined));
}

export function oneOf<const T extends string>(
  values: readonly T[],
  synonyms: Readonly<Record<string, T>> = {},
): ValueType<T> {
  return type(`one of ${values.join(', ')}`, (value) => {
    const name = value.toLowerCase();
    return values.find((candidate) => candidate === name) ?? synonyms[name];
  });
}

const TRUE = new Set(['true', '1', 'yes', 'on']);
const FALSE = new Set(['false', '0', 'no', 'off']);

export const flag: ValueType<boolean> = type('true or false', (value) => {
  const word = value.toLowerCase();
  return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined;
});

export function wholeNumber(least: number, most: number): ValueType<number> {
  return type(`a whole number from ${least} to ${most}`, (value) => {
    const number = Number(value);
    return /^\d+$/.test(value) && number >= least && number <= most ? number : undefined;
  });
}

export function decimal(least: number, most: number): ValueType<number> {
  return type(`a number from ${least} to ${most}`, (value) => {
    const number = Number(value);
    return /^-?\d+(\.\d+)?$/.test(value) && number >= least && number <= most ? number : undefined;
  });
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Ms as text with the largest unit that divides them. */
export function showDuration(ms: number): string {
  const unit = Object.entries(UNITS_MS)
    .reverse()
    .find(([, size]) => ms > 0 && ms % size === 0);
  return unit ? `${ms / unit[1]}${unit[0]}` : `${ms}ms`;
}

/** A time in ms. A plain number means `plainUnit`: seconds, as users of m3u-proxy write them. */
export function duration(leastMs: number, mostMs: number, plainUnit: 's' | 'ms' = 's'): ValueType<number> {
  const plain = plainUnit === 's' ? 'seconds' : 'milliseconds';
  return type(
    `a time from ${showDuration(leastMs)} to ${showDuration(mostMs)}, in ${plain} or with a unit (500ms, 10s, 5m, 1h)`,
    (value) => {
      const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/i.exec(value) ?? [];
      if (digits === undefined) return undefined;
      const ms = Number(digits) * UNITS_MS[unit?.toLowerCase() ?? plainUnit]!;
      return ms >= leastMs && ms <= mostMs ? Math.round(ms) : undefined;
    },
    showDuration,
  );
}

const UNITS_BYTES: readonly (readonly [string, number])[] = [
  ['GB', 1024 ** 3],
  ['MB', 1024 ** 2],
  ['KB', 1024],
];

export function showSize(bytes: number): string {
  const unit = UNITS_BYTES.find(([, size]) => bytes > 0 && bytes % size === 0);
  return unit ? `${bytes / unit[1]}${unit[0]}` : `${bytes}`;
}

/** A size in bytes; units are powers of 1,024. */
export function size(least: number, most: number): ValueType<number> {
  return type(
    `a size from ${showSize(least)} to ${showSize(most)}, in bytes or with a unit (512KB, 32MB, 1GB)`,
    (value) => {
      const [, digits, unit] = /^(\d+)\s*([kmg]i?b?|b)?$/i.exec(value) ?? [];
      if (digits === undefined) return undefined;
      const letter = unit?.[0]?.toUpperCase();
      const factor = UNITS_BYTES.find(([name]) => name[0] === letter)?.[1] ?? 1;
      const bytes = Number(digits) * factor;
      return bytes >= least && bytes <= most ? bytes : undefined;
    },
    showSize,
  );
}

export function list(allowed: string, item: (text: string) => boolean): ValueType<string[]> {
  return type(
    allowed,
    (value) => {
      const items = value
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean);
      return items.every(item) ? items : undefined;
    },
    (items) => items.join(','),
  );
}
