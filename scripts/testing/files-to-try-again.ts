/** Prints a line for each file to run again: `node files-to-try-again.ts <jest's JSON>`. See {@link secondTry}. */
import { readResult } from './jest-result.ts';
import { secondTry } from './second-try.ts';

const result = readResult(process.argv[2] ?? '');
for (const { name } of result ? secondTry(result) : []) console.log(name);
