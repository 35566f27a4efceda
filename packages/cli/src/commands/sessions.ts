import type { AnswerTo } from '../api/typed-paths.ts';
import { type Column, since } from '../output/table.ts';
import { type Ask, report } from './reports.ts';

type ShownSession = AnswerTo<'get', '/sessions'>['sessions'][number];

/** Pages that are read at most: a terminal is no place for more. */
const MOST_PAGES = 20;

/** Who, by name, watches what from where: the sessions of all nodes. */
export const sessions: Ask = async (api) => {
  const found: ShownSession[] = [];
  let after: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { limit: 1000, ...(after !== undefined && { after }) };
    const answer = await api.get('/sessions', { query });
    found.push(...answer.sessions);
    after = answer.next;
    if (after === undefined) break;
  }
  const nowMs = Date.now();
  const columns: readonly Column<ShownSession>[] = [
    { title: 'USER', cell: (session) => session.username },
    { title: 'ADDRESS', cell: (session) => session.ip_address },
    { title: 'STREAM', cell: (session) => session.stream_id },
    { title: 'NODE', cell: (session) => session.node },
    { title: 'FOR', cell: (session) => since(session.started_at, nowMs), align: 'right' },
    { title: 'HEARD', cell: (session) => `${since(session.last_active, nowMs)} ago`, align: 'right' },
    { title: 'SESSION', cell: (session) => session.session_id },
    { title: 'PLAYER', cell: (session) => session.user_agent },
  ];
  const byUser = found.toSorted((a, b) => (a.username < b.username ? -1 : a.username > b.username ? 1 : 0));
  const answer = { sessions: found, total: found.length, ...(after !== undefined && { next: after }) };
  return report(answer, columns, byUser, 'No sessions.');
};
