import { type ApiClient, CommandProblem } from '../api/client.ts';
import { type Column, table } from '../output/table.ts';
import type { Ask } from './reports.ts';

interface ShownEntry {
  readonly at: string;
  readonly until: string | null;
  readonly type: string;
  readonly cause: string;
  readonly detail: string;
  readonly stream_id: string;
  readonly client_id: string | null;
  readonly node: string | null;
  readonly count: number;
}

interface ShownTimeline {
  readonly stream_id?: string;
  readonly complete: boolean;
  readonly entries: readonly ShownEntry[];
}

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
  const path = `${encodeURIComponent(id)}/timeline`;
  const known = [`/streams/${path}`, `/clients/${path}`];
  for (const each of known) {
    try {
      return await api.get<ShownTimeline>(each);
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
