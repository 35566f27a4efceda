import type { Page } from '../cluster-state.ts';
import { readClientCursor, writeClientCursor } from '../cursors.ts';
import { pageLimit } from '../limits.ts';
import type { ClientRecord } from '../records.ts';
import type { Connection } from './connection.ts';
import { toClient } from './hashes.ts';

interface Ids {
  readonly streamId: string;
  readonly clientId: string;
}

/** How many streams of one client id are looked at. */
const MOST_STREAMS_OF_ONE_CLIENT = 100;

/** Of a presence, before the id of a node that has it (presence.lua). */
const NODE_FIELD = 'node:';

/** One page of viewers, in the order of the index (or of ids, within a stream), which beats do not change. */
export async function listClients(
  redis: Connection,
  filter: { streamId?: string; after?: string; limit?: number },
): Promise<Page<ClientRecord>> {
  const limit = pageLimit(filter.limit);
  const after = filter.after === undefined ? undefined : readClientCursor(filter.after);
  const found =
    filter.streamId === undefined
      ? await idsAfter(redis, after, limit + 1)
      : await idsOfStream(redis, filter.streamId, after?.clientId ?? '', limit + 1);
  const page = found.slice(0, limit);
  const items = await records(redis, page);
  const last = page.at(-1);
  return found.length <= limit || !last ? { items } : { items, next: writeClientCursor(last) };
}

export async function clientsOf(redis: Connection, clientId: string): Promise<ClientRecord[]> {
  // All members that begin with the id and a colon; `;` is the character after the colon.
  const members = await redis.command((client) =>
    client.zrangebylex(
      `${redis.prefix}clients:index`,
      `[${clientId}:`,
      `(${clientId};`,
      'LIMIT',
      0,
      MOST_STREAMS_OF_ONE_CLIENT,
    ),
  );
  const mine = members.map(readMember).filter((ids) => ids.clientId === clientId);
  return records(redis, mine);
}

/** Of several streams watched under one id, the one most recently active. */
export async function getClient(redis: Connection, clientId: string): Promise<ClientRecord | undefined> {
  const found = await clientsOf(redis, clientId);
  const [newest] = found.sort((a, b) => b.lastActiveMs - a.lastActiveMs);
  if (newest?.segments === undefined) return newest;
  const alsoAt = await otherNodes(redis, newest);
  return alsoAt.length > 0 ? { ...newest, alsoAt } : newest;
}

async function otherNodes(redis: Connection, { streamId, id, node }: ClientRecord): Promise<string[]> {
  const fields = await redis.command((client) => client.hkeys(`${redis.prefix}presence:${streamId}:${id}`));
  return fields.flatMap((field) =>
    field.startsWith(NODE_FIELD) && field !== `${NODE_FIELD}${node}` ? [field.slice(NODE_FIELD.length)] : [],
  );
}

async function idsAfter(redis: Connection, after: Ids | undefined, limit: number): Promise<Ids[]> {
  const from = after ? `(${after.clientId}:${after.streamId}` : '-';
  const members = await redis.command((client) =>
    client.zrangebylex(`${redis.prefix}clients:index`, from, '+', 'LIMIT', 0, limit),
  );
  return members.map(readMember);
}

/** A stream's viewers are a set, as operators want to see it; its order is made here. */
async function idsOfStream(
  redis: Connection,
  streamId: string,
  after: string,
  limit: number,
): Promise<Ids[]> {
  const all = await redis.command((client) => client.smembers(`${redis.prefix}stream:${streamId}:clients`));
  return all
    .filter((clientId) => clientId > after)
    .sort()
    .slice(0, limit)
    .map((clientId) => ({ streamId, clientId }));
}

async function records(redis: Connection, ids: readonly Ids[]): Promise<ClientRecord[]> {
  if (ids.length === 0) return [];
  const hashes = (await redis.pipeline((pipeline) => {
    for (const { streamId, clientId } of ids)
      pipeline.hgetall(`${redis.prefix}client:${streamId}:${clientId}`);
  })) as Record<string, string>[];
  return hashes.flatMap((hash, i) => toClient(ids[i] as Ids, hash) ?? []);
}

/** `<client id>:<stream id>`: the id of a stream has no colon, that of a client may. */
function readMember(member: string): Ids {
  const colon = member.lastIndexOf(':');
  return { clientId: member.slice(0, colon), streamId: member.slice(colon + 1) };
}
