import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { StreampoolError } from '@streampool/errors';

/** Makes the directory of the state. Resolves with the path of the state's file. @throws StreampoolError CONFIG_INVALID with what to do about it */
export async function prepareDataDir(directory: string): Promise<string> {
  const path = resolve(directory);
  try {
    await makeDirectory(path);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StreampoolError(
      'CONFIG_INVALID',
      `STREAMPOOL_DATA_DIR: ${path} ${reason(code)}. Give a directory that this user may write to.`,
      { cause: error },
    );
  }
  return join(path, 'streampool.db');
}

/**
 * With the directories above it. Not by mkdir's own `recursive`: that one runs for ever, taking memory, where a file system
 * (such as /proc) answers ENOENT although the directory above is there.
 */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o750 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path || (await exists(parent))) throw error;
    await makeDirectory(parent);
    await mkdir(path, { mode: 0o750 });
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function reason(code: string | undefined): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'is not writable';
    case 'EEXIST':
    case 'ENOTDIR':
      return 'is not a directory';
    case 'ENOENT':
      return 'cannot be made';
    case 'EROFS':
      return 'is on a read-only file system';
    default:
      return `cannot be used (${code ?? 'unknown reason'})`;
  }
}
