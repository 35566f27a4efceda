import { z } from 'zod';
import type { ValueType } from './values.ts';

const ENTRY = /^(.{1,256}?)\s*=\s*(\d{1,6})$/s;
const ALLOWED = 'names with a number each, such as alice=2, bob=1';

/** Viewing sessions of users on one line: `alice=2, bob=1`. */
export const userLimits: ValueType<Readonly<Record<string, number>>> = {
  schema: z.string().transform((text, context) => {
    const parts = text.split(',').map((part) => part.trim());
    const entries = parts.filter(Boolean).map((part) => ENTRY.exec(part));
    const names = new Set(entries.map((entry) => entry?.[1]));
    if (!entries.includes(null) && names.size === entries.length)
      return Object.fromEntries(entries.map((entry) => [entry?.[1] ?? '', Number(entry?.[2])]));
    context.addIssue({ code: 'custom', message: `must be ${ALLOWED}` });
    return z.NEVER;
  }),
  allowed: ALLOWED,
  show: (limits) =>
    Object.entries(limits)
      .map(([name, most]) => `${name}=${most}`)
      .join(', '),
};
