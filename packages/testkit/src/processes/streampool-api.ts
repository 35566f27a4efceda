import { type IncomingHttpHeaders, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body: parsed if it is JSON, else as text. */
  readonly body: unknown;
  readonly text: string;
}

interface Server {
  readonly url: string;
}

/** One request of the API, over a connection of its own, so that nothing of it stays open. */
export function api(server: Server, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const json = body === undefined ? undefined : JSON.stringify(body);
    const headers = json === undefined ? {} : { 'content-type': 'application/json' };
    const call = request(
      `${server.url}${path}`,
      { method, agent: false, headers, timeout: 30_000 },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = response.headers['content-type']?.includes('json') ?? false;
          resolve({
            ...{ status: response.statusCode ?? 0, headers: response.headers, text },
            body: isJson ? JSON.parse(text) : text,
          });
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`${method} ${path} was not answered within 30 s`)));
    call.on('error', reject);
    call.end(json);
  });
}

export interface CreatedStream {
  readonly id: string;
  /** Where it is watched. */
  readonly url: string;
}

/** Creates a stream and answers the URL to watch it at. */
export async function createStream(
  server: Server,
  kind: 'streams' | 'transcode',
  body: Readonly<Record<string, unknown>>,
): Promise<CreatedStream> {
  const answer = await api(server, 'POST', `/${kind}`, body);
  if (answer.status !== 200 && answer.status !== 201)
    throw new Error(`POST /${kind} answered ${answer.status}: ${answer.text}`);
  const { stream_id } = answer.body as { stream_id: string };
  return { id: stream_id, url: `${server.url}/stream/${stream_id}` };
}

/** One sample of a metric at GET /metrics, by its name with or without labels. */
export async function metric(server: Server, name: string): Promise<number | undefined> {
  const { text } = await api(server, 'GET', '/metrics');
  const line = text
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name} `) || candidate.startsWith(`${name}{`));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}
