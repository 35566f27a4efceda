/**
 * A process of its own for the tests: opens the state, waits until all processes are there, claims every stream, and
 * prints the ids it was granted. Arguments: path of the file, worker id, number of streams.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SqliteClusterState } from '../../src/index.ts';
import { beat, definition, idOf } from '../contract/records.ts';

const [, , path = '', id = '', count = '0'] = process.argv;
const state = new SqliteClusterState({ path });
for (let n = 0; n < Number(count); n++) await state.putStream(definition(n));
await state.heartbeat(beat(id));
while ((await state.listWorkers()).length < 4) await sleep(2);
const granted: string[] = [];
for (let n = 0; n < Number(count); n++) {
  const claim = await state.claim(idOf(n), { id, host: 'here' });
  if (claim.granted) granted.push(idOf(n));
  // Gives the other processes their turn: a claim alone takes microseconds.
  await sleep(0);
}
console.log(JSON.stringify(granted));
await state.close();
