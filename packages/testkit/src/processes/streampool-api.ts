export interface CreatedStream {
  readonly id: string;
  /** Where it is watched. */
  readonly url: string;
}

/** Creates a stream and answers the URL to watch it at. */
export async function createStream(
  server: { readonly url: string },
  kind: 'streams' | 'transcode',
  body: Readonly<Record<string, unknown>>,
): Promise<CreatedStream> {
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
export async function metric(server: { readonly url: string }, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const line = text
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name} `) || candidate.startsWith(`${name}{`));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body: parsed if it is JSON, else as text. */
  readonly body: unknown;
  readonly text: string;
}

/** One request of the API. */
export async function api(
  server: { readonly url: string },
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text, text };
}
