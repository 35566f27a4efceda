import { createHmac, randomBytes } from 'node:crypto';

/** What a door URL stands for. */
export interface DoorEntry {
  readonly url: string;
  /** What the playlist refers to it as: segment, key, map, … */
  readonly role: string;
  /** Where that playlist came from. */
  readonly from?: string;
}

/** How many versions of a playlist a reader may be behind. */
const GENERATIONS = 3;

/**
 * The short ids under which a reader finds what a playlist refers to. An id is the same each time a live playlist is
 * loaded again (readers compare key and map URLs), and says nothing about the URL, because readers print URLs into
 * their logs. What no recent version of its playlist mentions is forgotten, so a live stream does not grow the table.
 */
export class PlaylistAddresses {
  readonly #secret = randomBytes(16);
  /** Generations by playlist, the newest first. */
  readonly #playlists = new Map<string, Map<string, DoorEntry>[]>();

  get size(): number {
    let size = 0;
    for (const generations of this.#playlists.values())
      for (const entries of generations) size += entries.size;
    return size;
  }

  /**
   * Notes one version of a playlist. `name` is the same for all its versions, `from` the URL that answered. Returns the function
   * that assigns ids.
   */
  version(name: string, from: string): (url: string, role: string) => string {
    const entries = new Map<string, DoorEntry>();
    const older = this.#playlists.get(name) ?? [];
    this.#playlists.set(name, [entries, ...older.slice(0, GENERATIONS - 1)]);
    return (url, role) => {
      // The role is a part of it: what is called a key here and a playlist there would else be passed on as a key, unread.
      const id = createHmac('sha256', this.#secret).update(`${role} ${url}`).digest('base64url').slice(0, 16);
      entries.set(id, { url, role, from });
      return id;
    };
  }

  find(id: string): DoorEntry | undefined {
    for (const generations of this.#playlists.values()) {
      for (const entries of generations) {
        const entry = entries.get(id);
        if (entry) return entry;
      }
    }
    return undefined;
  }
}
