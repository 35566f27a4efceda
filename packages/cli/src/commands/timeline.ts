import { type ApiClient, CommandProblem } from '../api/client.ts';
import type { AnswerTo } from '../api/typed-paths.ts';
import { type Column, table } from '../output/table.ts';
import type { Ask } from './reports.ts';

type ShownTimeline = Pick<AnswerTo<'get', '/clients/{id}/timeline'>, 'complete' | 'entries'>;
type ShownEntry = ShownTimeline['entries'][number];

const COLUMNS: readonly Column<ShownEntry>[] = [
  { title: 'AT', cell: ({ at }) => at.slice(11, 23) },
  { title: 'UNTIL', cell: ({ until }) => until?.slice(11, 23) },
  { title: 'CAUSE', cell: ({ cause }) => cause },
  { title: 'WHAT', cell: ({ type }) => type },
  { title: 'NODE', cell: ({ node, count }) => node ?? (count > 1 ? 'several' : null) },
  { title: 'DETAIL', cell: ({ detail }) => detail },
];

/** What happened to a stream or a viewer, whichever of both has that id. */
export function timeline(id: string): Ask {
  return async (api) => {
    const answer = await ask(api, id);
    const { entries, complete } = answer;
    const note = complete ? '' : '\n\nThe state is away: this is what the node that answered remembers.';
    return {
      answer,
      text: (width) =>
        entries.length === 0
          ? `Nothing has happened within the last hour.${note}`
          : `${table(COLUMNS, entries, width === undefined ? {} : { width })}${note}`,
    };
  };
}

/** @throws CommandProblem NOT_FOUND if it is neither */
async function ask(api: ApiClient, id: string): Promise<ShownTimeline> {
  const question = { path: { id } };
  const asked = [
    () => api.get('/streams/{id}/timeline', question),
    () => api.get('/clients/{id}/timeline', question),
  ];
  for (const each of asked) {
    try {
      return await each();
    } catch (error) {
      const { code } = error as Partial<CommandProblem>;
      if (code !== 'STREAM_NOT_FOUND' && code !== 'CLIENT_NOT_FOUND') throw error;
    }
  }
  throw new CommandProblem(
    `There is no stream and no viewer ${id}, nor was there within the last hour.`,
    'NOT_FOUND',
  );
}
