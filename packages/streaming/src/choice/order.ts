export interface Candidate {
  readonly index: number;
  /** After how many ms it may be asked. */
  readonly waitMs: number;
}

/**
 * The next source: of those that may be asked now the first in the order of the list, from `from` on and around; else
 * the one that may be asked first. Undefined if there is none.
 */
export function nextOf(candidates: readonly Candidate[], from: number): Candidate | undefined {
  const inOrder = [...candidates].sort((a, b) => place(a, from) - place(b, from) || a.index - b.index);
  return inOrder.reduce<Candidate | undefined>(
    (best, candidate) => (best && best.waitMs <= candidate.waitMs ? best : candidate),
    undefined,
  );
}

function place({ index }: Candidate, from: number): number {
  return index >= from ? 0 : 1;
}
