/** How long a shared cache may go on giving an answer, by its own headers (RFC 9111 §4.2), ms. Undefined: they do not say. */
export function freshForMs(headers: Readonly<Record<string, string>>, wallNowMs: number): number | undefined {
  const directives = new Map(
    (headers['cache-control'] ?? '')
      .toLowerCase()
      .split(',')
      .map((directive) => {
        const [name = '', value = ''] = directive.trim().split('=');
        return [name, value.replaceAll('"', '')] as const;
      }),
  );
  if (directives.has('no-store') || directives.has('no-cache') || directives.has('private')) return 0;
  const ageMs = (Number(headers.age) || 0) * 1000;
  const seconds = Number.parseInt(directives.get('s-maxage') ?? directives.get('max-age') ?? '', 10);
  if (seconds >= 0) return Math.max(0, seconds * 1000 - ageMs);
  if (headers.expires === undefined) return undefined;
  const expires = Date.parse(headers.expires);
  if (Number.isNaN(expires)) return 0;
  const date = Date.parse(headers.date ?? '');
  return Math.max(0, expires - (Number.isNaN(date) ? wallNowMs : date) - ageMs);
}
