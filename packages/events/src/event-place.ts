/**
 * Whether event `a` came after event `b`. Ids are one number (SQLite) or two with a dash (Redis); the empty place is
 * before everything.
 */
export function isAfter(a: string, b: string): boolean {
  const [a1, a2] = numbers(a);
  const [b1, b2] = numbers(b);
  return a1 !== b1 ? a1 > b1 : a2 > b2;
}

/** Whether something may have been between `after` and the oldest event that is kept. */
export function isGap(after: string, oldest: string): boolean {
  const [a1, a2] = numbers(after);
  if (a1 <= 0 && a2 === 0 && after.includes('-')) return false;
  // SQLite counts one by one.
  return after.includes('-') ? isAfter(oldest, after) : numbers(oldest)[0] > a1 + 1;
}

function numbers(id: string): [number, number] {
  const [first = '', second = ''] = id.split('-');
  return [first === '' ? -1 : Number(first), Number(second)];
}
