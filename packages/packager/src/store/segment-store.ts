import type { HlsBody } from '@streampool/hls';

/** Where complete segments are kept. Keys are file names: letters, digits, `-` and `.`. */
export interface SegmentStore {
  /** Resolves when it is there; `get` finds it at once. @throws what the system said: then it is not there */
  put(key: string, bytes: Buffer): Promise<void>;
  /** A body stays readable when the segment is removed while it is read. */
  get(key: string): Buffer | HlsBody | undefined;
  /** Idempotent. */
  remove(key: string): void;
  /** Of all that is kept. */
  readonly bytes: number;
  /** Idempotent: everything is gone. */
  close(): Promise<void>;
}
