import type { StatementSync } from 'node:sqlite';
import {
  MOST_SOURCES,
  SOURCE_MEMORY_MS,
  type SourceExchange,
  type SourceExchangeReply,
  type SourceReport,
  type SourceView,
} from '../sources.ts';
import type { Connection } from './connection.ts';

interface Row {
  key: string;
  failures: number;
  is_open: number;
  opened_ms: number;
  until_ms: number;
  probe: string;
  probe_until_ms: number;
  changed_ms: number;
}

/** How sources are. Within a transaction, all of it. See redis/scripts/exchange-sources.lua, which does the same. */
export class SourcesTable {
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #dropOld: StatementSync;
  readonly #changed: StatementSync;

  constructor(connection: Connection) {
    this.#get = connection.prepare('SELECT * FROM sources WHERE key = $key');
    this.#put = connection.prepare(`
      INSERT OR REPLACE INTO sources
      VALUES ($key, $failures, $is_open, $opened_ms, $until_ms, $probe, $probe_until_ms, $changed_ms)`);
    this.#dropOld = connection.prepare('DELETE FROM sources WHERE changed_ms <= $before');
    this.#changed = connection.prepare(
      'SELECT * FROM sources WHERE changed_ms >= $since ORDER BY changed_ms DESC LIMIT $limit',
    );
  }

  exchange(exchange: SourceExchange, now: number): SourceExchangeReply {
    const { node, reports, probeMs } = exchange;
    this.#dropOld.run({ before: now - SOURCE_MEMORY_MS });
    for (const report of reports) this.#take(report, node, probeMs, now);
    return this.tell(exchange, now);
  }

  /** What has changed, and how those are that the reports are about. */
  tell({ reports, since = 0 }: SourceExchange, now: number): SourceExchangeReply {
    const remembered = now - SOURCE_MEMORY_MS + 1;
    const rows = this.#changed.all({
      since: Math.max(since, remembered),
      limit: MOST_SOURCES,
    }) as unknown as Row[];
    const told = new Set(rows.map(({ key }) => key));
    for (const { key } of reports) {
      const row = told.has(key) ? undefined : (this.#get.get({ key }) as unknown as Row | undefined);
      if (row) rows.push(row);
      told.add(key);
    }
    return { nowMs: now, sources: rows.map((row) => viewOf(row, now)) };
  }

  #take({ key, kind, beganAgoMs, cooldown }: SourceReport, node: string, probeMs: number, now: number): void {
    const known = this.#get.get({ key }) as unknown as Row | undefined;
    // Nothing is held against it, and nothing is said against it.
    if (!known && kind !== 'failed') return;
    const row: Row = known ?? {
      ...{
        key,
        failures: 0,
        is_open: 0,
        opened_ms: 0,
        until_ms: 0,
        probe: '',
        probe_until_ms: 0,
        changed_ms: 0,
      },
    };
    row.changed_ms = now;
    if (kind === 'probe') {
      if (row.is_open === 0 || row.until_ms > now || (row.probe !== node && row.probe_until_ms > now)) return;
      row.probe = node;
      row.probe_until_ms = now + probeMs;
    } else if (kind !== 'dropped' || row.probe === node) {
      row.probe = '';
      row.probe_until_ms = 0;
    }
    if (kind === 'played' || kind === 'stable') row.is_open = 0;
    if (kind === 'stable') row.failures = 0;
    if (kind === 'failed' && cooldown && (row.failures === 0 || now - beganAgoMs >= row.opened_ms)) {
      const { firstMs, mostMs, share } = cooldown;
      row.failures += 1;
      row.is_open = 1;
      row.opened_ms = now;
      row.until_ms =
        now + Math.round(Math.min(mostMs, firstMs * 2 ** Math.min(30, row.failures - 1)) * share);
    }
    this.#put.run({ ...row });
  }
}

function viewOf(row: Row, now: number): SourceView {
  const probeMs = Math.max(0, row.probe_until_ms - now);
  return {
    key: row.key,
    failures: row.failures,
    isOpen: row.is_open === 1,
    waitMs: Math.max(0, row.until_ms - now),
    probe: probeMs > 0 ? row.probe : '',
    probeMs,
  };
}
