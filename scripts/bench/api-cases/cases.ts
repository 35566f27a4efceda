import { ApiCaller, type Call, type CallerResult } from '../load/api-caller.ts';
import { usageOf } from '../measure/usage.ts';

export interface ApiPlan {
  /** Streams that are created, and listed. */
  readonly streams: number;
  /** Requests at a time. */
  readonly connections: number;
  /** Per case that does not end by itself. */
  readonly seconds: number;
}

export interface CaseResult extends CallerResult {
  readonly what: string;
  /** Of one core, by the server. */
  readonly cpuShare: number;
  /** The server's user + system time for one request, ms: what stays when others want the processors, too. */
  readonly cpuMs: number;
}

export interface ServerUnderTest {
  readonly url: string;
  readonly pid: number;
}

const PAGE = 500;
const WARM_UP_SECONDS = 1;
/** Creating is bounded by this as well as by its number. */
const CREATE_SECONDS = 10;

/** What clients ask of the API, one after another, of one server. @throws Error where an answer is not what it has to be */
export async function runCases(
  server: ServerUnderTest,
  { streams, connections, seconds }: ApiPlan,
  progress: (text: string) => void,
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  const many = new ApiCaller(server.url, connections);
  const few = new ApiCaller(server.url, 2);
  const measure = async (
    what: string,
    caller: ApiCaller,
    next: () => Call | undefined,
    mostSeconds = seconds,
  ): Promise<void> => {
    progress(what);
    const [before, begunMs] = [usageOf(server.pid), performance.now()];
    const result = await caller.run(next, mostSeconds);
    const cpuSeconds = usageOf(server.pid).cpuSeconds - before.cpuSeconds;
    if (result.failed > 0) throw new Error(`${what}: ${result.failed} of ${result.requests} were refused`);
    const cpuShare = cpuSeconds / ((performance.now() - begunMs) / 1000);
    results.push({ what, ...result, cpuShare, cpuMs: (cpuSeconds * 1000) / result.requests });
  };
  try {
    // A server that has just started compiles what it runs: that is nobody's usual second.
    await many.run(() => ({ method: 'GET', path: '/health' }), WARM_UP_SECONDS);
    let created = 0;
    await measure(
      'create',
      many,
      () => {
        if (created === streams) return undefined;
        const n = created++;
        const metadata = { playlist: `p${n % 20}`, channel: `Channel ${n}`, group: `Group ${n % 50}` };
        const url = `http://provider.example/live/someone/secret/${n}.ts`;
        return { method: 'POST', path: '/streams', body: { url, shared: true, metadata } };
      },
      CREATE_SECONDS,
    );
    // A machine that is busy with other things lists what it has created by then.
    const there = created;
    const ids = await idsOf(few, there);
    let at = 0;
    const id = (): string => ids[(at++ * 7919) % ids.length]!;
    await measure('create again (the same)', many, () => {
      const n = at++ % there;
      const metadata = { playlist: `p${n % 20}`, channel: `Channel ${n}`, group: `Group ${n % 50}` };
      const url = `http://provider.example/live/someone/secret/${n}.ts`;
      return { method: 'POST', path: '/streams', body: { url, shared: true, metadata } };
    });
    await measure('status of a stream', many, () => ({ method: 'GET', path: `/streams/${id()}` }));
    await measure('health', many, () => ({ method: 'GET', path: '/health' }));
    for (const packed of [false, true]) {
      let after: string | undefined = '';
      const pages: string[] = [];
      for (; after !== undefined; ) {
        const path: string = `/streams?limit=${PAGE}${after && `&after=${encodeURIComponent(after)}`}`;
        pages.push(path);
        after = (await few.call({ method: 'GET', path })).json<{ next?: string }>().next;
      }
      let page = 0;
      await measure(`a page of ${PAGE} streams${packed ? ', compressed' : ''}`, few, () => ({
        ...{ method: 'GET', path: pages[page++ % pages.length]!, packed },
      }));
      await measure(`all ${there} streams at once${packed ? ', compressed' : ''}`, few, () => ({
        ...{ method: 'GET', path: '/streams', packed },
      }));
    }
    await measure(`${Math.round(there / 20)} streams by metadata, compressed`, few, () => ({
      ...{ method: 'GET', path: `/streams/by-metadata?field=playlist&value=p${at++ % 20}&active_only=false` },
      packed: true,
    }));
    return results;
  } finally {
    many.close();
    few.close();
  }
}

/** All ids, through the pages. @throws Error where pages miss a stream or name one twice */
async function idsOf(caller: ApiCaller, streams: number): Promise<string[]> {
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const path: string = `/streams?limit=${PAGE}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`;
    const page = (await caller.call({ method: 'GET', path, packed: true })).json<{
      streams: { stream_id: string }[];
      next?: string;
    }>();
    ids.push(...page.streams.map(({ stream_id }) => stream_id));
    after = page.next;
  } while (after !== undefined);
  if (new Set(ids).size !== streams || ids.length !== streams)
    throw new Error(
      `${streams} streams were created, and the pages have ${ids.length} (${new Set(ids).size} of them once)`,
    );
  return ids;
}
