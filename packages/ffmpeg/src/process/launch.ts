/** Written before every command's own arguments; `pipe:3` is the fourth of the child's descriptors. */
export const PROGRAM_ARGS: readonly string[] = [
  '-nostdin',
  '-hide_banner',
  '-nostats',
  '-loglevel',
  'level+warning',
  '-stats_period',
  '0.5',
  '-progress',
  'pipe:3',
];
