import { StreampoolError } from '@streampool/errors';
import type { z } from 'zod';
import { type Route, route } from '../http/route.ts';
import { userAnswer, userBody, userDeleted, userParams } from '../schemas/sessions.ts';
import { DEFAULT_SESSION_SETTINGS, limitOf } from '../sessions/session-settings.ts';
import type { Services } from './services.ts';

/** How many sessions a user may have. Users are names that viewers come with: there is no list of them. */
export function userRoutes({ state, config }: Services): Route[] {
  const settings = config.sessions ?? DEFAULT_SESSION_SETTINGS;
  const shown = async (name: string): Promise<z.output<typeof userAnswer>> => {
    const [said, active] = await Promise.all([state.getUser(name), state.countSessions(name)]);
    return {
      username: name,
      max_sessions: said ? said.maxSessions : limitOf(settings, name),
      origin: said ? 'api' : 'settings',
      active_sessions: active,
    };
  };

  const tag = 'Users';
  return [
    route({
      method: 'get',
      path: '/users/{name}',
      access: 'token',
      tag,
      summary: 'How many viewing sessions a user has and may have',
      params: userParams,
      errors: ['STATE_UNAVAILABLE'],
      answers: { 200: { description: 'Of a name that nobody came with yet too', schema: userAnswer } },
      handle: ({ params }) => shown(params.name),
    }),
    route({
      method: 'put',
      path: '/users/{name}',
      access: 'token',
      tag,
      summary: 'Limit the viewing sessions of a user',
      description:
        'Holds for the next session, on every node; those that are there go on. Goes before `USER_LIMITS` and `MAX_SESSIONS_PER_USER`.',
      params: userParams,
      body: userBody,
      errors: ['STATE_UNAVAILABLE'],
      answers: { 200: { description: 'The user as it is now', schema: userAnswer } },
      async handle({ params, body }) {
        await state.putUser({ name: params.name, maxSessions: body.max_sessions });
        return shown(params.name);
      },
    }),
    route({
      method: 'delete',
      path: '/users/{name}',
      access: 'token',
      tag,
      summary: 'Forget what was said of a user',
      description: 'The settings hold for it again. Its sessions go on.',
      params: userParams,
      errors: ['USER_NOT_FOUND', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'Nothing is said of it any more', schema: userDeleted } },
      async handle({ params }) {
        if (!(await state.removeUser(params.name)))
          throw new StreampoolError('USER_NOT_FOUND', 'Nothing was said of this user');
        return { username: params.name, deleted: true };
      },
    }),
  ];
}
