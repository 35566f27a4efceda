import { DatabaseSync } from 'node:sqlite';
import { SqliteClusterState } from '../../src/index.ts';
import { describeClusterState, type OpenStore } from '../contract/cluster-state.contract.ts';
import { temporaryFile } from './temporary-file.ts';

const open: OpenStore = async () => {
  const file = temporaryFile();
  let nowMs = 1_800_000_000_000;
  const options = { path: file.path, leaseMs: 10_000, clientTtlMs: 30_000, now: () => nowMs };
  const state = new SqliteClusterState(options);
  return {
    state,
    leaseMs: options.leaseMs,
    clientTtlMs: options.clientTtlMs,
    connect: async () => new SqliteClusterState(options),
    advance: async (ms) => {
      nowMs += Math.ceil(ms);
    },
    shown: async () => everythingBut('definitions', file.path),
    close: async () => {
      await state.close();
      file.remove();
    },
  };
};

describeClusterState('SQLite', open);

/** All rows of all tables but one. */
function everythingBut(hidden: string, path: string): string {
  const db = new DatabaseSync(path, { readOnly: true });
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> ?").all(hidden);
  const rows = tables.map(({ name }) => db.prepare(`SELECT * FROM ${name}`).all());
  db.close();
  return JSON.stringify(rows);
}
