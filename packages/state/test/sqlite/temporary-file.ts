import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A path for a state file in a directory of its own, and how to remove both. */
export function temporaryFile(): { directory: string; path: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'streampool-state-'));
  return {
    directory,
    path: join(directory, 'state.db'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
