import createFetchClient, { type Client as FetchClient } from 'openapi-fetch';
import type { paths } from './schema.ts';

export type * from './schema.ts';

/** See openapi-fetch. */
export type ApiClient = FetchClient<paths>;

export interface ClientOptions {
  /** Root of the API, such as `http://127.0.0.1:8085`, with the server's ROOT_PATH where it has one. */
  readonly url: string;
  /** One of the server's API tokens. */
  readonly token?: string;
  /** In the place of the global one. */
  readonly fetch?: typeof fetch;
}

/**
 * A client whose paths, parameters, bodies and answers are typed by the server's own description:
 * `client.GET('/streams/{id}', { params: { path: { id } } })` resolves with `{ data, error, response }`, where `error` has a
 * stable `code` and a `detail`. It rejects only where there is no answer at all; give requests a `signal` with a deadline.
 */
export function createClient({ url, token, fetch }: ClientOptions): ApiClient {
  return createFetchClient<paths>({
    baseUrl: url.replace(/\/+$/, ''),
    headers: { accept: 'application/json', ...(token !== undefined && { 'x-api-token': token }) },
    ...(fetch && { fetch }),
  });
}
