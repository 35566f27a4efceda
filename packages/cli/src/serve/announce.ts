import { writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import type { Config } from '../config/settings.ts';

/** Addresses that only mean "all of them". */
const WILDCARDS = new Set(['0.0.0.0', '::', '[::]']);

/** Where this server is reached from the machine itself. */
export function baseUrl(config: Pick<Config, 'host' | 'rootPath'>, port: number): string {
  return `http://${WILDCARDS.has(config.host) ? '127.0.0.1' : forUrl(config.host)}:${port}${config.rootPath}`;
}

function forUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** The same from other machines of the network, where it listens for them. */
function networkUrl(config: Pick<Config, 'host' | 'rootPath'>, port: number): string | undefined {
  if (!WILDCARDS.has(config.host)) return undefined;
  const address = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  return address === undefined ? undefined : `http://${address}:${port}${config.rootPath}`;
}

/** What to do next, ready to paste. */
export function greeting(config: Config, port: number, version: string): string {
  const url = baseUrl(config, port);
  const elsewhere = networkUrl(config, port);
  const isOpen =
    config.apiToken === undefined && !config.apiTokens?.length && config.apiTokensFile === undefined;
  const token = isOpen ? '' : ` -H "X-API-Token: $API_TOKEN"`;
  return `
Streampool ${version} is running at ${url}${elsewhere === undefined ? '' : `, and for other machines at ${elsewhere}`}
API: ${url}/docs${isOpen ? '   (open to everybody: set API_TOKEN to protect it)' : ''}

Transcode a stream once for everybody who watches it:

  curl${token} -H 'Content-Type: application/json' ${url}/transcode \\
    -d '{"url": "http://provider.example/live.ts", "profile": "default"}'

Pass one on as it is ("shared": true for one provider connection instead of one per viewer):

  curl${token} -H 'Content-Type: application/json' ${url}/streams \\
    -d '{"url": "http://provider.example/live.ts"}'

Watch it, with the stream_endpoint of the answer:

  ffplay ${url}/stream/<stream_id>

Ctrl-C stops the server.
`;
}

/** For programs that start this one: written when the server takes requests. */
export async function writeReadyFile(path: string, config: Config, port: number): Promise<void> {
  const ready = { pid: process.pid, url: baseUrl(config, port), port };
  await writeFile(path, `${JSON.stringify(ready)}\n`, { mode: 0o644 });
}
