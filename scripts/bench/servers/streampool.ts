import { type StreampoolProcess, startStreampool } from '@streampool/testkit';

/** The product as operators run it, with the address guard opened for a provider on this machine. */
export function startServer(env: Readonly<Record<string, string>> = {}): Promise<StreampoolProcess> {
  return startStreampool({ env: { LOG_LEVEL: 'warn', NODE_ENV: 'production', ...env } });
}

/** Creates a stream and answers the URL to watch it at. */
export async function createStream(
  server: StreampoolProcess,
  kind: 'streams' | 'transcode',
  body: Readonly<Record<string, unknown>>,
): Promise<{ id: string; url: string }> {
  const response = await fetch(`${server.url}/${kind}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { stream_id: string };
  if (!response.ok) throw new Error(`POST /${kind} answered ${response.status}: ${JSON.stringify(answer)}`);
  return { id: answer.stream_id, url: `${server.url}/stream/${answer.stream_id}` };
}

/** One sample of a metric at GET /metrics, by its name with or without labels. */
export async function metric(server: StreampoolProcess, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const line = text
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name} `) || candidate.startsWith(`${name}{`));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}
