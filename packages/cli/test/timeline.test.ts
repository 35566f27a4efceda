import { ApiClient, CommandProblem } from '../src/api/client.ts';
import { timeline } from '../src/commands/timeline.ts';

const ENTRY = {
  at: '2030-01-31T20:14:02.500Z',
  until: null,
  type: 'source_gap',
  cause: 'upstream',
  detail: 'The primary source sent nothing for 1.5 s and went on by itself.',
  stream_id: 'abc',
  client_id: null,
  node: 'w1',
  count: 1,
};

/** A server that knows these answers, and that everything else is not there. */
function knows(answers: Readonly<Record<string, unknown>>): ApiClient {
  const api = new ApiClient('http://127.0.0.1:1', undefined);
  api.get = async (template: string, question?: unknown): Promise<never> => {
    const { id } = (question as { path: { id: string } }).path;
    const path = template.replace('{id}', encodeURIComponent(id));
    if (answers[path] instanceof Error) throw answers[path];
    if (path in answers) return answers[path] as never;
    throw new CommandProblem(
      'not here',
      path.startsWith('/streams') ? 'STREAM_NOT_FOUND' : 'CLIENT_NOT_FOUND',
    );
  };
  return api;
}

test('a stream’s or a viewer’s, whichever has the id, as a table', async () => {
  const entries = [
    ENTRY,
    {
      ...ENTRY,
      until: '2030-01-31T20:14:40.000Z',
      node: null,
      count: 3,
      cause: 'cluster',
      type: 'source_lost',
    },
  ];
  const answer = { complete: true, entries };
  const ofStream = await timeline('abc')(knows({ '/streams/abc/timeline': answer }));
  expect(ofStream.answer).toBe(answer);
  expect(ofStream.text()).toBe(
    [
      'AT            UNTIL         CAUSE     WHAT         NODE     DETAIL',
      `20:14:02.500  -             upstream  source_gap   w1       ${ENTRY.detail}`,
      `20:14:02.500  20:14:40.000  cluster   source_lost  several  ${ENTRY.detail}`,
    ].join('\n'),
  );
  const ofViewer = await timeline('my tv/1')(knows({ '/clients/my%20tv%2F1/timeline': answer }));
  expect(ofViewer.text()).toBe(ofStream.text());
});

test('nothing, and less than everything, is said', async () => {
  const quiet = await timeline('abc')(knows({ '/streams/abc/timeline': { complete: false, entries: [] } }));
  expect(quiet.text()).toMatch(/^Nothing has happened within the last hour\.\n\nThe state is away/);
});

test('an id that nobody has, and a server that does not answer, are two things', async () => {
  await expect(timeline('x')(knows({}))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const away = new CommandProblem('No answer', 'NO_ANSWER');
  await expect(timeline('x')(knows({ '/streams/x/timeline': away }))).rejects.toBe(away);
});
