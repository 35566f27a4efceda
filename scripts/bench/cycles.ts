/** Starts and stops streams at random, kills FFmpeg at random, and counts what is left. See `scripts/bench/cycles --help`. */
import { parseArgs } from 'node:util';
import { runCycles } from '@streampool/testkit';
import { printComparison, say } from './measure/report.ts';
import { startServer } from './servers/streampool.ts';

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '500' },
    'at-once': { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/cycles [options]

  --cycles 500   start/stop cycles
  --at-once 6    cycles that run at the same time
  --seed 1       of the random choices
  --json         one JSON object on stdout

A cycle watches a random stream (direct, shared or through FFmpeg) with one to four viewers for up to 1.5 s; some kill
an FFmpeg, some delete the stream, some viewers stall or vanish with a reset. Exits with 1 if anything is left.`);
  process.exit();
}

const server = await startServer({ SHARED_STREAM_TIMEOUT: '1', CLIENT_TIMEOUT: '5' }, { watchTimers: true });
try {
  const result = await runCycles(server, {
    ...{ cycles: Number(values.cycles), atOnce: Number(values['at-once']), seed: Number(values.seed) },
    onProgress: (done) => say(`${done} cycles`),
  });
  if (values.json) console.log(JSON.stringify({ bench: 'cycles', options: values, ...result }));
  else {
    printComparison([
      { when: 'before', ...result.before },
      { when: 'after', ...result.after },
    ]);
    console.log(
      `\nviewers ${result.viewers}, with a picture ${result.pictures}, FFmpegs killed ${result.killed}`,
    );
    for (const leak of result.leaks) console.log(`LEFT BEHIND: ${leak}`);
  }
  process.exitCode = result.leaks.length > 0 ? 1 : 0;
} finally {
  await server.stop();
}
