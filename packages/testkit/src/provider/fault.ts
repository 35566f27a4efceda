/** What can go wrong at a provider. `afterBytes` counts bytes of the body on one connection. */
export type Fault =
  /** Another status than 200. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** 200 and a web page where media should be: the usual "buy a plan" answer. */
  | { readonly kind: 'html' }
  /** The head comes late. */
  | { readonly kind: 'slow-head'; readonly ms: number }
  /** The request is read, and nothing ever answered. */
  | { readonly kind: 'no-head' }
  /** The connection is reset in place of an answer. */
  | { readonly kind: 'reset' }
  /** The answer is not HTTP. */
  | { readonly kind: 'not-http' }
  /** A head, then silence with the connection open. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  /** The connection ends in the middle, by FIN or by RST. */
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly how: 'fin' | 'rst' }
  /** Random bytes between two of the stream's. */
  | { readonly kind: 'garbage'; readonly afterBytes: number; readonly bytes: number }
  /** The head names another length than the body has. */
  | { readonly kind: 'content-length'; readonly bytes: number };

interface Planned {
  readonly fault: Fault;
  left: number;
}

/** The faults that are planned per path, each for a number of requests. */
export class FaultPlan {
  readonly #planned = new Map<string, Planned[]>();

  add(path: string, fault: Fault, times: number): void {
    const list = this.#planned.get(path) ?? [];
    list.push({ fault, left: times });
    this.#planned.set(path, list);
  }

  clear(path?: string): void {
    if (path === undefined) this.#planned.clear();
    else this.#planned.delete(path);
  }

  /** The fault for the next request of this path; counts as one use of it. */
  take(path: string): Fault | undefined {
    const next = this.#planned.get(path)?.find((planned) => planned.left > 0);
    if (!next) return undefined;
    next.left -= 1;
    return next.fault;
  }
}
