/** Up to where everything has been handed on, when it is handed on in order but is safe in any order. */
export class Progress {
  readonly #steps: { readonly place: string; safe: boolean }[] = [];
  #reached: string;

  constructor(reached: string) {
    this.#reached = reached;
  }

  /** Nothing up to here will be lost. */
  get reached(): string {
    return this.#reached;
  }

  /** Steps that are not safe yet. */
  get pending(): number {
    return this.#steps.length;
  }

  /** Begins the next step, which leads to `place`. Call what it returns when it is safe. */
  begin(place: string): () => void {
    const step = { place, safe: false };
    this.#steps.push(step);
    return () => {
      step.safe = true;
      while (this.#steps[0]?.safe) this.#reached = (this.#steps.shift() as { place: string }).place;
    };
  }
}
