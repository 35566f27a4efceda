/**
 * Whether event `a` came after event `b`. Ids are one number (SQLite) or two with a dash (Redis); the empty place is
 * before everything.
 */
export function isAfter(a: string, b: string): boolean {
  const [a1, a2] = numbers(a);
  const [b1, b2] = numbers(b);
  return a1 !== b1 ? a1 > b1 : a2 > b2;
}

function numbers(id: string): [number, number] {
  const [first = '', second = ''] = id.split('-');
  return [first === '' ? -1 : Number(first), Number(second)];
}
