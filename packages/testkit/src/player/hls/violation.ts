/** Something in a playlist that the standard forbids. */
export interface Violation {
  /** The section: of RFC 8216, or `bis` of its second edition (draft-pantos-hls-rfc8216bis). */
  readonly rule: string;
  readonly what: string;
  /** From 1. */
  readonly line?: number;
}

/** Collects violations; the same one is noted once. */
export class Violations {
  readonly list: Violation[] = [];
  readonly #seen = new Set<string>();

  add(rule: string, what: string, line?: number): void {
    const key = `${rule} ${what}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.list.push({ rule, what, ...(line === undefined ? {} : { line }) });
  }

  /** Notes it unless the condition holds. */
  must(condition: boolean, rule: string, what: string, line?: number): void {
    if (!condition) this.add(rule, what, line);
  }

  /** One line each: `4.3.3.1: … (line 3)`. */
  get texts(): string[] {
    return this.list.map(
      ({ rule, what, line }) => `${rule}: ${what}${line === undefined ? '' : ` (line ${line})`}`,
    );
  }
}
