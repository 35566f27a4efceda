import { isStreampoolError } from '@streampool/errors';
import { CommandProblem } from './api/client.ts';
import { program } from './program.ts';

/** A wrong setting or command line. */
const EXIT_USAGE = 2;
const EXIT_FAILURE = 1;

/** Runs the command line. What an operator can mend is said in a sentence; anything else is a defect and keeps its stack. */
export async function main(argv: readonly string[]): Promise<void> {
  const root = program({
    print: (text) => process.stdout.write(`${text}\n`),
    exit: (code) => process.exit(code),
  });
  try {
    await root.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommandProblem && argv.includes('--json')) {
      process.stdout.write(`${JSON.stringify({ code: error.code, detail: error.message })}\n`);
    }
    if (error instanceof CommandProblem)
      end(error.code === 'USAGE' ? EXIT_USAGE : EXIT_FAILURE, error.message);
    if (isStreampoolError(error))
      end(error.code === 'CONFIG_INVALID' ? EXIT_USAGE : EXIT_FAILURE, error.message);
    throw error;
  }
}

function end(code: number, message: string): never {
  process.stderr.write(`streampool: ${message.replaceAll('\n', '\nstreampool: ')}\n`);
  process.exit(code);
}
