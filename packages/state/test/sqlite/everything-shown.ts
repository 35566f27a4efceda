import { DatabaseSync } from 'node:sqlite';

/** All rows of all tables but the one that holds credentials, as text. */
export function everythingShown(path: string): string {
  const db = new DatabaseSync(path, { readOnly: true });
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'definitions'")
    .all();
  const rows = tables.map(({ name }) => db.prepare(`SELECT * FROM ${name}`).all());
  db.close();
  return JSON.stringify(rows);
}
