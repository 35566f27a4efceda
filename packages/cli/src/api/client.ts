import { redactUrl } from '@streampool/redaction';

/** Long enough for a server under load, short enough for somebody who waits at a prompt. */
const TIMEOUT_MS = 10_000;

/** Something the operator can do something about: shown without a stack. */
export class CommandProblem extends Error {
  override readonly name = 'CommandProblem';
  /** For scripts, in `--json`: the server's code where it gave one. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

export interface PostOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** For questions that take long. */
  readonly timeoutMs?: number;
}

interface Refusal {
  readonly code?: string;
  readonly detail?: string;
}

/** Talks to the API of a running server. */
export class ApiClient {
  readonly #base: string;
  readonly #token: string | undefined;
  readonly #signal: AbortSignal | undefined;

  /** `base` is the root of the API, such as `http://127.0.0.1:8085`. Questions under way end with the signal. */
  constructor(base: string, token: string | undefined, signal?: AbortSignal) {
    this.#base = base.replace(/\/+$/, '');
    this.#token = token;
    this.#signal = signal;
  }

  /** @throws CommandProblem that says what to do */
  get<T>(path: string): Promise<T> {
    return this.#ask<T>('GET', path);
  }

  /** @throws CommandProblem */
  post<T>(path: string, options?: PostOptions): Promise<T> {
    return this.#ask<T>('POST', path, options);
  }

  /** @throws CommandProblem */
  put<T>(path: string, options?: PostOptions): Promise<T> {
    return this.#ask<T>('PUT', path, options);
  }

  /** @throws CommandProblem */
  delete<T>(path: string): Promise<T> {
    return this.#ask<T>('DELETE', path);
  }

  /** A body that has no end, until the client's signal is aborted. @throws CommandProblem */
  async stream(path: string): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#fetch('GET', path, { headers: { accept: 'text/event-stream' } });
    if (!response.ok || !response.body) throw await this.#refusal(response, path);
    return response.body;
  }

  async #ask<T>(
    method: string,
    path: string,
    { body: sent, timeoutMs = TIMEOUT_MS }: PostOptions = {},
  ): Promise<T> {
    const response = await this.#fetch(method, path, {
      ...(sent !== undefined && { body: JSON.stringify(sent) }),
      headers: {
        accept: 'application/json',
        ...(sent !== undefined && { 'content-type': 'application/json' }),
      },
      timeoutMs,
    });
    const body = (await response.json().catch(() => undefined)) as T | Refusal | undefined;
    if (!response.ok || body === undefined) throw this.#refused(response, path, body as Refusal | undefined);
    return body as T;
  }

  /** `timeoutMs`: for the whole answer; absent: it may go on. */
  async #fetch(
    method: string,
    path: string,
    { timeoutMs, headers, body }: { timeoutMs?: number; headers: Record<string, string>; body?: string },
  ): Promise<Response> {
    const signals = [
      ...(timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)]),
      ...(this.#signal ? [this.#signal] : []),
    ];
    try {
      return await fetch(this.#base + path, {
        method,
        ...(body !== undefined && { body }),
        headers: { ...headers, ...(this.#token !== undefined && { 'x-api-token': this.#token }) },
        signal: AbortSignal.any(signals),
      });
    } catch (error) {
      if (this.#signal?.aborted) throw new CommandProblem('Interrupted.', 'INTERRUPTED');
      throw new CommandProblem(
        `No answer from ${redactUrl(this.#base)} (${reasonOf(error, timeoutMs ?? TIMEOUT_MS)}). Is the server running? See --url.`,
        'NO_ANSWER',
      );
    }
  }

  async #refusal(response: Response, path: string): Promise<CommandProblem> {
    return this.#refused(
      response,
      path,
      (await response.json().catch(() => undefined)) as Refusal | undefined,
    );
  }

  #refused({ status }: Response, path: string, body: Refusal | undefined): CommandProblem {
    const { code, detail } = body ?? {};
    const shown = redactUrl(this.#base);
    if (status === 401 || status === 403) {
      return new CommandProblem(
        `${shown} asks for its API token: give it with --token or as API_TOKEN.`,
        code ?? 'TOKEN_MISSING',
      );
    }
    return new CommandProblem(
      `${shown}${path} answered ${status}${code ? ` ${code}` : ''}${detail ? `: ${detail}` : ''}`,
      code ?? `HTTP_${status}`,
    );
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = error as { name?: string; message?: string; cause?: { code?: string } };
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  return cause?.code ?? message ?? 'unknown reason';
}
