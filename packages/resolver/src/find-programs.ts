import { runToEnd } from '@streampool/processes';
import type { ResolverName } from '@streampool/upstream';
import type { FoundPrograms } from './known-programs.ts';

/** Both are written in Python, which takes its time on a small machine. */
const DEADLINE_MS = 20_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

/** Versions of those programs that are there and work, of the ones to be looked for (paths or names). Never rejects. */
export async function findPrograms(
  programs: Readonly<Partial<Record<ResolverName, string>>>,
  signal?: AbortSignal,
): Promise<FoundPrograms> {
  const found: Partial<Record<ResolverName, string>> = {};
  const look = async (name: ResolverName, program: string): Promise<void> => {
    const { outcome, stdout } = await runToEnd({
      ...{ program, args: ['--version'], niceness: 10 },
      ...{ maxOutputBytes: MAX_OUTPUT_BYTES, deadlineMs: DEADLINE_MS },
      ...(signal && { signal }),
    });
    const [version] = /\d[\w.+-]*/.exec(stdout.toString()) ?? [];
    if (outcome === 'ended' && version !== undefined) found[name] = version;
  };
  await Promise.all(
    (Object.entries(programs) as [ResolverName, string][]).map(([name, program]) => look(name, program)),
  );
  return found;
}
