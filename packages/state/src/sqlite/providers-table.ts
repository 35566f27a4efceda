import type { StatementSync } from 'node:sqlite';
import type {
  ProviderRecord,
  SlotAnswer,
  SlotBeat,
  SlotBeatReply,
  SlotHolder,
  SlotPromise,
  SlotRecord,
  SlotRequest,
} from '../providers.ts';
import type { Connection } from './connection.ts';

interface SlotRow {
  readonly lease: string;
  readonly holder: string;
  readonly since_ms: number;
  readonly promised_to: string | null;
}

interface PromiseRow {
  readonly heir: string;
  readonly holder: string;
  readonly until_ms: number;
}

/**
 * Providers and their slots. Within a transaction, all of it; `heard` is the time by the clock that expiry goes by, `now`
 * the store's own.
 */
export class ProvidersTable {
  readonly #leaseMs: number;
  readonly #all: StatementSync;
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #removeSlots: StatementSync;
  readonly #removePromises: StatementSync;
  readonly #slots: StatementSync;
  readonly #slot: StatementSync;
  readonly #count: StatementSync;
  readonly #putSlot: StatementSync;
  readonly #dropSlot: StatementSync;
  readonly #promise: StatementSync;
  readonly #makePromise: StatementSync;
  readonly #dropPromise: StatementSync;
  readonly #forgetHeir: StatementSync;
  readonly #dropExpired: StatementSync;

  constructor(connection: Connection, leaseMs: number) {
    this.#leaseMs = leaseMs;
    const prepare = (sql: string): StatementSync => connection.prepare(sql);
    this.#all = prepare('SELECT record FROM providers ORDER BY id');
    this.#get = prepare('SELECT record FROM providers WHERE id = $id');
    this.#put = prepare(`INSERT INTO providers VALUES ($id, $record)
      ON CONFLICT (id) DO UPDATE SET record = excluded.record`);
    this.#remove = prepare('DELETE FROM providers WHERE id = $id');
    this.#removeSlots = prepare('DELETE FROM provider_slots WHERE provider_id = $id');
    this.#removePromises = prepare('DELETE FROM provider_promises WHERE provider_id = $id');
    this.#slots = prepare(`
      SELECT slots.*, promises.heir AS promised_to FROM provider_slots AS slots
      LEFT JOIN provider_promises AS promises ON promises.provider_id = slots.provider_id
        AND promises.lease = slots.lease AND promises.until_ms > $heard
      WHERE slots.provider_id = $id AND slots.expires_ms > $heard ORDER BY slots.since_ms, slots.lease`);
    this.#slot = prepare(
      'SELECT 1 FROM provider_slots WHERE provider_id = $id AND lease = $lease AND expires_ms > $heard',
    );
    this.#count = prepare(
      'SELECT count(*) AS taken FROM provider_slots WHERE provider_id = $id AND expires_ms > $heard',
    );
    this.#putSlot = prepare(`INSERT INTO provider_slots VALUES ($id, $lease, $holder, $now, $until)
      ON CONFLICT (provider_id, lease) DO UPDATE SET holder = excluded.holder, expires_ms = excluded.expires_ms`);
    this.#dropSlot = prepare('DELETE FROM provider_slots WHERE provider_id = $id AND lease = $lease');
    this.#promise = prepare(
      'SELECT * FROM provider_promises WHERE provider_id = $id AND lease = $lease AND until_ms > $heard',
    );
    this.#makePromise = prepare(`INSERT INTO provider_promises VALUES ($id, $lease, $heir, $holder, $until)
      ON CONFLICT (provider_id, lease) DO UPDATE
      SET heir = excluded.heir, holder = excluded.holder, until_ms = excluded.until_ms`);
    this.#dropPromise = prepare('DELETE FROM provider_promises WHERE provider_id = $id AND lease = $lease');
    this.#forgetHeir = prepare('DELETE FROM provider_promises WHERE provider_id = $id AND heir = $lease');
    this.#dropExpired = prepare(
      'DELETE FROM provider_slots WHERE provider_id = $id AND expires_ms <= $heard',
    );
  }

  put(provider: ProviderRecord, onlyIfAbsent: boolean): boolean {
    const known = this.#provider(provider.id);
    if (known && (onlyIfAbsent || (known.origin === 'api' && provider.origin !== 'api'))) return false;
    this.#put.run({ id: provider.id, record: JSON.stringify(provider) });
    return true;
  }

  list(): ProviderRecord[] {
    return (this.#all.all() as { record: string }[]).map(({ record }) => JSON.parse(record));
  }

  remove(id: string): boolean {
    this.#removeSlots.run({ id });
    this.#removePromises.run({ id });
    return Number(this.#remove.run({ id }).changes) > 0;
  }

  take({ providerId: id, lease, holder }: SlotRequest, heard: number, now: number): SlotAnswer {
    const provider = this.#provider(id);
    if (!provider) return { granted: true };
    this.#dropExpired.run({ id, heard });
    const isTaken = this.#slot.get({ id, lease, heard }) === undefined;
    if (isTaken && this.#taken(id, heard) >= provider.maxConnections) {
      return { granted: false, provider, slots: this.slots(id, heard) };
    }
    this.#forgetHeir.run({ id, lease });
    this.#putSlot.run({ id, lease, holder: JSON.stringify(holder), now, until: heard + this.#leaseMs });
    return { granted: true };
  }

  promise({ providerId: id, lease, heir, forMs }: SlotPromise, heard: number): boolean {
    if (!this.#slot.get({ id, lease, heard })) return false;
    const made = this.#promiseOf(id, lease, heard);
    if (made && made.heir !== heir.lease) return false;
    const holder = JSON.stringify(heir.holder);
    this.#makePromise.run({ id, lease, heir: heir.lease, holder, until: heard + forMs });
    return true;
  }

  release(slots: readonly { providerId: string; lease: string }[], heard: number, now: number): void {
    for (const { providerId: id, lease } of slots) {
      this.#forgetHeir.run({ id, lease });
      this.#giveBack(id, lease, heard, now);
    }
  }

  beat(
    { node, life, isFirst, held, released }: SlotBeat,
    heard: number,
    now: number,
  ): Omit<SlotBeatReply, 'generation'> {
    for (const { providerId, lease } of released) this.#giveBack(providerId, lease, heard, now);
    const providers = this.list();
    for (const { id } of providers) {
      this.#dropExpired.run({ id, heard });
      for (const slot of isFirst ? this.slots(id, heard) : []) {
        if (slot.node === node && slot.life !== life) this.#giveBack(id, slot.lease, heard, now);
      }
    }
    const known = new Set(providers.map(({ id }) => id));
    for (const { providerId: id, lease, holder } of held) {
      if (!known.has(id)) continue;
      this.#putSlot.run({ id, lease, holder: JSON.stringify(holder), now, until: heard + this.#leaseMs });
    }
    return { providers };
  }

  /** Oldest first. */
  slots(id: string, heard: number): SlotRecord[] {
    return (this.#slots.all({ id, heard }) as unknown as SlotRow[]).map((row) => ({
      lease: row.lease,
      ...(JSON.parse(row.holder) as SlotHolder),
      sinceMs: row.since_ms,
      ...(row.promised_to !== null && { promisedTo: row.promised_to }),
    }));
  }

  /** To nobody, or to whom the slot is promised: who then has until the end of the promise to come for it. */
  #giveBack(id: string, lease: string, heard: number, now: number): void {
    const promise = this.#promiseOf(id, lease, heard);
    this.#dropPromise.run({ id, lease });
    if (Number(this.#dropSlot.run({ id, lease }).changes) === 0 || !promise) return;
    const most = this.#provider(id)?.maxConnections ?? 0;
    if (this.#taken(id, heard) >= most) return;
    const { heir, holder, until_ms: until } = promise;
    this.#putSlot.run({ id, lease: heir, holder, now, until });
  }

  #provider(id: string): ProviderRecord | undefined {
    const row = this.#get.get({ id }) as { record: string } | undefined;
    return row && JSON.parse(row.record);
  }

  #taken(id: string, heard: number): number {
    return (this.#count.get({ id, heard }) as { taken: number }).taken;
  }

  #promiseOf(id: string, lease: string, heard: number): PromiseRow | undefined {
    return this.#promise.get({ id, lease, heard }) as unknown as PromiseRow | undefined;
  }
}
