/** What viewing sessions are bound to, and how many a user may have. Complete: whoever composes the roles fills every field. */
export interface SessionSettings {
  /** A session that nobody renews has ended after this; the state goes by it, the gateway renews well within it; ms. */
  readonly timeoutMs: number;
  /** `address`: a user has one session at each address; `player`: each player there has its own. */
  readonly scope: 'address' | 'player';
  /** Sessions of one user at once, 0: any number. What the API says of a user goes before `perUser`, that before `most`. */
  readonly most: number;
  readonly perUser: Readonly<Record<string, number>>;
}

export const DEFAULT_SESSION_SETTINGS: SessionSettings = {
  timeoutMs: 30_000,
  scope: 'address',
  most: 0,
  perUser: {},
};

/** What the settings say of a user. */
export function limitOf({ most, perUser }: SessionSettings, user: string): number {
  return Object.hasOwn(perUser, user) ? (perUser[user] as number) : most;
}
