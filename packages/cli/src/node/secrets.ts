import { hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const KEY_BYTES = 32;

/** What all processes of an installation know and nobody else; each purpose has a key of its own (RFC 5869). */
export interface InstallationSecret {
  /** 32 bytes, the same on every node and after every restart. */
  key(purpose: string): Buffer;
}

/** Of a cluster: made from the token that all nodes share, about which a key tells nothing. */
export function secretOfCluster(internalToken: string): InstallationSecret {
  return secretFrom(internalToken);
}

/**
 * Of one machine: random, kept beside the state's file for its user only, so that what was given out before a restart is
 * good afterwards. Several processes that share the state's file share it.
 * @throws the file system's error
 */
export async function secretBeside(stateFile: string): Promise<InstallationSecret> {
  const path = join(dirname(stateFile), 'installation-secret');
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, randomBytes(KEY_BYTES).toString('base64url'), {
    mode: 0o600,
    flag: 'w',
    flush: true,
  });
  try {
    // Unlike a rename this never replaces what another process has made, and nobody sees half of it.
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    return secretFrom(await readFile(path, 'utf8'));
  } finally {
    await unlink(draft);
  }
}

function secretFrom(material: string): InstallationSecret {
  return {
    key: (purpose) => Buffer.from(hkdfSync('sha256', material, '', `streampool ${purpose}`, KEY_BYTES)),
  };
}
