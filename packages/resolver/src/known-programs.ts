import type { ResolverName } from '@streampool/upstream';

export type FoundPrograms = Readonly<Partial<Record<ResolverName, string>>>;

export interface KnownProgramsOptions {
  /** Looks for all of them; takes a second or more. Must not reject. */
  readonly find: () => Promise<FoundPrograms>;
  /** Monotonic, ms. */
  readonly now?: () => number;
}

/** What was found is believed for this long; ms. */
const BELIEVED_MS = 60_000;
/** Whoever needs a program that was missing has it looked for again, but not more often than this; ms. */
const MISSING_MS = 5_000;

/**
 * Which programs are there: they are looked for when somebody asks for the first time, who waits for it, since both are slow to
 * say so and few nodes need them. From then on what is known is told at once, and looked for again when it is old: an operator
 * installs and updates them while this runs.
 */
export class KnownPrograms {
  readonly #options: KnownProgramsOptions;
  readonly #now: () => number;
  #found: FoundPrograms = {};
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  constructor(options: KnownProgramsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Of those that were there at the last look. */
  async versions(): Promise<FoundPrograms> {
    const hasLooked = this.#ageMs < Number.POSITIVE_INFINITY;
    if (!hasLooked) await this.#look();
    else if (this.#ageMs >= BELIEVED_MS) void this.#look();
    return this.#found;
  }

  /** Waits for a look only where the program is not known to be there. */
  async has(name: ResolverName): Promise<boolean> {
    const found = await this.versions();
    if (found[name] === undefined && (this.#looking || this.#ageMs >= MISSING_MS)) await this.#look();
    return this.#found[name] !== undefined;
  }

  /** Since the end of the last look. */
  get #ageMs(): number {
    return this.#now() - this.#lookedAtMs;
  }

  #look(): Promise<void> {
    this.#looking ??= this.#options.find().then((found) => {
      this.#found = found;
      this.#lookedAtMs = this.#now();
      this.#looking = undefined;
    });
    return this.#looking;
  }
}
