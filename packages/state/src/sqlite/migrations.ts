import type { DatabaseSync } from 'node:sqlite';
import { StreampoolError } from '@streampool/errors';

/**
 * The schema, one step per version of `PRAGMA user_version`. A step that has been released is never changed: add one.
 *
 * `viewers` is kept by triggers, in the transaction that adds or removes the client: it cannot differ from what is there.
 * Indexes that a sweep uses are partial or ordered by expiry, so that it reads what has expired and nothing else.
 */
const STEPS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  INSERT INTO meta VALUES ('generation', lower(hex(randomblob(16)))), ('epoch_floor', 0);

  -- With credentials; nothing but getDefinition reads it.
  CREATE TABLE definitions (id TEXT PRIMARY KEY, definition TEXT NOT NULL) STRICT;

  CREATE TABLE streams (
    id TEXT PRIMARY KEY,
    shown TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'idle',
    owner TEXT NOT NULL DEFAULT '',
    epoch INTEGER NOT NULL,
    host TEXT NOT NULL DEFAULT '',
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    ffmpeg_pid INTEGER,
    ffmpeg_start_ticks INTEGER,
    viewers INTEGER NOT NULL DEFAULT 0,
    bitrate_kbps REAL,
    fps REAL,
    speed REAL,
    failover_index INTEGER NOT NULL DEFAULT 0,
    failover_attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    last_access_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX streams_by_access ON streams (last_access_ms, id);
  CREATE INDEX streams_by_owner ON streams (owner) WHERE owner <> '';
  CREATE INDEX streams_by_lease ON streams (lease_until_ms) WHERE owner <> '';

  CREATE TABLE stream_metadata (
    field TEXT NOT NULL, value TEXT NOT NULL, stream_id TEXT NOT NULL, PRIMARY KEY (field, value, stream_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX stream_metadata_by_stream ON stream_metadata (stream_id);

  CREATE TABLE clients (
    stream_id TEXT NOT NULL,
    id TEXT NOT NULL,
    node TEXT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    username TEXT,
    connected_at_ms INTEGER NOT NULL,
    last_active_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    lag_bytes INTEGER NOT NULL,
    skips INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX clients_by_id ON clients (id, stream_id);
  CREATE INDEX clients_by_stream ON clients (stream_id, id);
  CREATE INDEX clients_by_node ON clients (node);
  CREATE INDEX clients_by_expiry ON clients (expires_ms);
  CREATE TRIGGER client_added AFTER INSERT ON clients BEGIN
    UPDATE streams SET viewers = viewers + 1 WHERE id = NEW.stream_id;
  END;
  CREATE TRIGGER client_removed AFTER DELETE ON clients BEGIN
    UPDATE streams SET viewers = viewers - 1 WHERE id = OLD.stream_id;
  END;

  CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    record TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process TEXT NOT NULL,
    replaced_process TEXT,
    wanted_status TEXT NOT NULL DEFAULT 'ready',
    heartbeat_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX workers_by_heartbeat ON workers (heartbeat_ms);

  CREATE TABLE orphan_processes (
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    start_ticks INTEGER,
    stream_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    owner_pid INTEGER,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (host, pid)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    stream_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_by_stream ON events (stream_id, id);
  `,
  // Expiry goes by a clock that stands still while nobody is heard; `heartbeat_ms` stays what people read.
  `
  ALTER TABLE workers ADD COLUMN heard_ms INTEGER NOT NULL DEFAULT 0;
  UPDATE workers SET heard_ms = heartbeat_ms;
  DROP INDEX workers_by_heartbeat;
  CREATE INDEX workers_by_hearing ON workers (heard_ms);
  INSERT INTO meta SELECT 'last_beat_ms', max(heartbeat_ms) FROM workers HAVING count(*) > 0;
  `,
  // Connections to providers that are limited. No foreign key: a slot may outlive its provider until it is given back.
  `
  CREATE TABLE providers (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE provider_slots (
    provider_id TEXT NOT NULL,
    lease TEXT NOT NULL,
    holder TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (provider_id, lease)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE provider_promises (
    provider_id TEXT NOT NULL,
    lease TEXT NOT NULL,
    heir TEXT NOT NULL,
    holder TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (provider_id, lease)
  ) STRICT, WITHOUT ROWID;
  `,
  // What happened in the last hour, to streams and to viewers.
  `
  CREATE TABLE stream_timeline (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stream_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    fold TEXT NOT NULL,
    type TEXT NOT NULL,
    node TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    count INTEGER NOT NULL,
    data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX stream_timeline_by_subject ON stream_timeline (stream_id, id);
  CREATE INDEX stream_timeline_by_age ON stream_timeline (last_ms);
  CREATE TABLE viewer_timeline (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stream_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    fold TEXT NOT NULL,
    type TEXT NOT NULL,
    node TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    count INTEGER NOT NULL,
    data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX viewer_timeline_by_subject ON viewer_timeline (client_id, id);
  CREATE INDEX viewer_timeline_by_age ON viewer_timeline (last_ms);
  `,
  // How sources are, for circuit breakers.
  `
  CREATE TABLE sources (
    key TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    is_open INTEGER NOT NULL,
    opened_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    probe TEXT NOT NULL,
    probe_until_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX sources_by_change ON sources (changed_ms);
  `,
  // Who is told what happened, and what they did not take. Records hold secrets; dead letters do not.
  `
  CREATE TABLE webhooks (id TEXT PRIMARY KEY, record TEXT NOT NULL, created_at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE webhook_dispatch (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1), holder TEXT NOT NULL, until_ms INTEGER NOT NULL, reached TEXT NOT NULL
  ) STRICT;
  CREATE TABLE dead_letters (
    id TEXT PRIMARY KEY, webhook_id TEXT NOT NULL, letter TEXT NOT NULL, failed_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX dead_letters_by_age ON dead_letters (failed_at_ms);
  `,
  // Viewing sessions. How many a user has is kept by triggers; what ended not long ago is remembered for whoever goes on asking.
  `
  CREATE TABLE sessions (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    place TEXT NOT NULL,
    ip TEXT NOT NULL,
    player TEXT NOT NULL,
    stream_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    node TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
  ) STRICT;
  -- Written by every touch, so it is narrow: a transaction writes whole pages.
  CREATE TABLE session_activity (number INTEGER PRIMARY KEY, last_active_ms INTEGER NOT NULL) STRICT;
  CREATE UNIQUE INDEX sessions_by_place ON sessions (user, place);
  CREATE INDEX sessions_by_user ON sessions (user, expires_ms);
  CREATE INDEX sessions_by_stream ON sessions (stream_id, id);
  CREATE INDEX sessions_by_expiry ON sessions (expires_ms);
  CREATE TABLE session_counts (user TEXT PRIMARY KEY, sessions INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TRIGGER session_added AFTER INSERT ON sessions BEGIN
    INSERT INTO session_activity VALUES (NEW.number, NEW.started_at_ms);
    INSERT INTO session_counts VALUES (NEW.user, 1) ON CONFLICT (user) DO UPDATE SET sessions = sessions + 1;
  END;
  CREATE TRIGGER session_removed AFTER DELETE ON sessions BEGIN
    DELETE FROM session_activity WHERE number = OLD.number;
    UPDATE session_counts SET sessions = sessions - 1 WHERE user = OLD.user;
    DELETE FROM session_counts WHERE user = OLD.user AND sessions = 0;
  END;
  CREATE TABLE session_endings (
    number INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    user TEXT NOT NULL,
    place TEXT NOT NULL,
    player TEXT NOT NULL,
    stream_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX session_endings_by_place ON session_endings (user, place, number);
  CREATE INDEX session_endings_by_age ON session_endings (at_ms);
  CREATE TABLE users (name TEXT PRIMARY KEY, max_sessions INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  `,
  // When a session expires moves with its activity, in the narrow table. What indexes are ordered by says when to look there,
  // which is never later, and moves seldom.
  `
  ALTER TABLE session_activity ADD COLUMN expires_ms INTEGER NOT NULL DEFAULT 0;
  UPDATE session_activity SET expires_ms = (SELECT expires_ms FROM sessions WHERE number = session_activity.number);
  ALTER TABLE sessions RENAME COLUMN expires_ms TO look_ms;
  DROP TRIGGER session_added;
  CREATE TRIGGER session_added AFTER INSERT ON sessions BEGIN
    INSERT INTO session_activity VALUES (NEW.number, NEW.started_at_ms, NEW.look_ms);
    INSERT INTO session_counts VALUES (NEW.user, 1) ON CONFLICT (user) DO UPDATE SET sessions = sessions + 1;
  END;
  `,
  // Of viewers of HLS: segments that they were given.
  `
  ALTER TABLE clients ADD COLUMN segments INTEGER;
  `,
];

/** The version this program writes. */
export const SCHEMA_VERSION = STEPS.length;

/** Leaves the file of a newer program as it is. @throws StreampoolError CONFIG_INVALID */
export function refuseNewer(db: DatabaseSync, path: string): void {
  const version = userVersion(db);
  if (version <= SCHEMA_VERSION) return;
  throw new StreampoolError(
    'CONFIG_INVALID',
    `the state file ${path} was written by a newer Streampool (schema ${version}, this one knows ${SCHEMA_VERSION})`,
  );
}

/** Brings the file to {@link SCHEMA_VERSION}. Of several processes that open a new file at once, one does the work. */
export function migrate(db: DatabaseSync): void {
  if (userVersion(db) === SCHEMA_VERSION) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const step of STEPS.slice(userVersion(db))) db.exec(step);
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function userVersion(db: DatabaseSync): number {
  return (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
}
