import { settingsOf } from './setting.ts';
import { userLimits } from './user-limits.ts';
import { duration, oneOf, wholeNumber } from './values.ts';

const second = 1000;
const hour = 3600 * second;

const setting = settingsOf('Sessions');

/** Viewers that come with a name. */
export const SESSION_SETTINGS = {
  maxSessionsPerUser: setting(
    'MAX_SESSIONS_PER_USER',
    'What a user may watch at once, where nothing else is said of it; 0: any number',
    wholeNumber(0, 100_000),
    '0',
  ),
  userLimits: setting(
    'USER_LIMITS',
    'The same for some users, such as alice=2, bob=1; what is put at /users/{name} goes before it',
    userLimits,
    '',
  ),
  sessionScope: setting(
    'SESSION_SCOPE',
    'A user has one session at each address, or one for each player there',
    oneOf(['address', 'player']),
    'address',
  ),
  sessionTimeoutMs: setting(
    'SESSION_TIMEOUT',
    'A viewing session of which nothing is heard for this long has ended; the same on all nodes',
    duration(15 * second, hour),
    '30s',
  ),
};
