import type { Source, SourceSink } from '../src/source.ts';

/** A source whose every word is a test's. */
export class FakeSource implements Source {
  readonly kind = 'upstream';
  sink!: SourceSink;
  started = false;
  closed = false;
  /** Set by a test that wants closing to take time: `close()` settles with it. */
  closing: Promise<void> = Promise.resolve();

  start(sink: SourceSink): void {
    this.started = true;
    this.sink = sink;
  }

  pause(): void {}

  resume(): void {}

  close(): Promise<void> {
    this.closed = true;
    return this.closing;
  }
}
