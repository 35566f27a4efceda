import { StreampoolError } from '@streampool/errors';
import type { Clock } from '../clock.ts';
import type { Source } from '../source.ts';
import type { DrillFault } from './drill-api.ts';
import { DrilledSource } from './drilled-source.ts';

/** Faults of a connection; the others are found in what it sends. */
export type ConnectionFault = Extract<DrillFault, 'cut' | 'stall' | 'error'>;

export interface BreakableSource {
  /** Which alternative it plays. */
  readonly index: number;
  readonly open: () => Source;
  /** It was made to look broken, which says nothing of its health. */
  readonly onBroken: () => void;
}

/** The sources of one pool, as far as a drill makes them look broken: those of one alternative, for as long as it lasts. */
export class SourceFaults {
  readonly #clock: Clock;
  readonly #sources = new Set<DrilledSource>();
  #active: { readonly fault: ConnectionFault; readonly index: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A source that can be made to look broken. */
  wrap(breakable: BreakableSource): Source {
    const source: DrilledSource = new DrilledSource({
      ...breakable,
      clock: this.#clock,
      fault: () => this.of(breakable.index),
      onClosed: () => this.#sources.delete(source),
    });
    this.#sources.add(source);
    return source;
  }

  /** The fault that sources of this alternative have now. */
  of(index: number): ConnectionFault | undefined {
    return this.#active?.index === index ? this.#active.fault : undefined;
  }

  begin(fault: ConnectionFault, index: number): void {
    this.#active = { fault, index };
    for (const source of [...this.#sources]) if (source.index === index) source.break(fault);
  }

  /** Idempotent. What was only held back goes on. */
  end(): void {
    if (!this.#active) return;
    this.#active = undefined;
    for (const source of [...this.#sources]) source.mend();
  }
}

/** What a source with that fault ends with. A stalled one does not end. */
export function faultError(fault: Exclude<DrillFault, 'stall'>): StreampoolError {
  const info = { drill: true };
  switch (fault) {
    case 'cut':
      return new StreampoolError('UPSTREAM_CUT', 'a drill cuts the connection', { info });
    case 'error':
      return new StreampoolError('UPSTREAM_STATUS', 'a drill lets the provider answer 503', {
        info: { ...info, upstreamStatus: 503 },
      });
    case 'black':
      return new StreampoolError('SOURCE_BLACK', 'a drill lets the picture be black', { info });
    case 'silence':
      return new StreampoolError('SOURCE_SILENT', 'a drill lets the sound be silent', { info });
  }
}
