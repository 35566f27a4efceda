import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const DIRECTORY = join(import.meta.dirname, 'scripts');
const INCLUDE = /^-- @include ([a-z_]+)$/gm;

/** Names of the scripts, one per multi-step change; each file's header says what goes in and comes out. */
export type ScriptName =
  | 'beat'
  | 'beat-slots'
  | 'claim'
  | 'count-sessions'
  | 'end-session'
  | 'exchange-sources'
  | 'expire-sessions'
  | 'list-sessions'
  | 'keep-dead-letter'
  | 'leave-dispatch'
  | 'list-slots'
  | 'list-streams'
  | 'list-workers'
  | 'promise-slot'
  | 'publish'
  | 'read-timeline'
  | 'put-provider'
  | 'put-stream'
  | 'put-webhook'
  | 'release'
  | 'release-slots'
  | 'remove-clients'
  | 'remove-dead-letter'
  | 'remove-provider'
  | 'remove-stream'
  | 'remove-webhook'
  | 'remove-worker'
  | 'report'
  | 'set-worker-status'
  | 'start-session'
  | 'sweep'
  | 'take-dispatch'
  | 'take-slot'
  | 'touch-clients'
  | 'touch-sessions';

/**
 * All scripts, with each include once and before its first use.
 * `includes` replaces some of them by name: tests put a clock of their own in the place of Redis TIME.
 */
export function loadScripts(includes: Readonly<Record<string, string>> = {}): Map<ScriptName, string> {
  const names = readdirSync(DIRECTORY)
    .filter((file) => file.endsWith('.lua'))
    .map((file) => file.slice(0, -'.lua'.length) as ScriptName);
  return new Map(names.map((name) => [name, assemble(name, includes)]));
}

function assemble(name: ScriptName, replaced: Readonly<Record<string, string>>): string {
  const included = new Set<string>();
  const resolve = (text: string): string =>
    text.replace(INCLUDE, (_, include: string) => {
      if (included.has(include)) return '';
      included.add(include);
      return resolve(replaced[include] ?? readFileSync(join(DIRECTORY, 'include', `${include}.lua`), 'utf8'));
    });
  return resolve(readFileSync(join(DIRECTORY, `${name}.lua`), 'utf8'));
}
