import type { AnswerTo } from '../api/typed-paths.ts';
import { type Column, table } from '../output/table.ts';
import type { Ask } from './reports.ts';

type ShownWebhook = AnswerTo<'get', '/webhooks'>['webhooks'][number];

const COLUMNS: readonly Column<ShownWebhook>[] = [
  { title: 'WEBHOOK', cell: ({ id }) => id },
  { title: 'DEAD', cell: ({ dead_letters }) => dead_letters },
  { title: 'RETRIES', cell: ({ retry_attempts }) => retry_attempts },
  { title: 'URL', cell: ({ url }) => url },
  { title: 'ONLY', cell: onlyOf },
  { title: 'EVENTS', cell: ({ events }) => events.join(' ') },
];

/** Who is told what happens. */
export const webhooks: Ask = async (api) => {
  const answer = await api.get('/webhooks');
  return {
    answer,
    text: (width) =>
      answer.webhooks.length === 0
        ? 'There are no webhooks: POST /webhooks adds one.'
        : table(COLUMNS, answer.webhooks, width === undefined ? {} : { width }),
  };
};

function onlyOf({ stream_id, metadata }: ShownWebhook): string | null {
  const parts = Object.entries(metadata).map(([field, value]) => `${field}=${value}`);
  return [...(stream_id === null ? [] : [stream_id]), ...parts].join(' ') || null;
}
