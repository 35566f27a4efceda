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

  async #ask<T>(
    method: string,
    path: string,
    { body: sent, timeoutMs = TIMEOUT_MS }: PostOptions = {},
  ): Promise<T> {
    const shown = redactUrl(this.#base);
    const timeout = AbortSignal.timeout(timeoutMs);
    let response: Response;
    try {
      response = await fetch(this.#base + path, {
        method,
        ...(sent !== undefined && { body: JSON.stringify(sent) }),
        headers: {
          accept: 'application/json',
          ...(sent !== undefined && { 'content-type': 'application/json' }),
          ...(this.#token !== undefined && { 'x-api-token': this.#token }),
        },
        signal: this.#signal ? AbortSignal.any([timeout, this.#signal]) : timeout,
      });
    } catch (error) {
      if (this.#signal?.aborted) throw new CommandProblem('Interrupted.', 'INTERRUPTED');
      throw new CommandProblem(
        `No answer from ${shown} (${reasonOf(error, timeoutMs)}). Is the server running? See --url.`,
        'NO_ANSWER',
      );
    }
    const body = (await response.json().catch(() => undefined)) as T | Refusal | undefined;
    const { code, detail } = (body as Refusal | undefined) ?? {};
    if (response.status === 401 || response.status === 403) {
      throw new CommandProblem(
        `${shown} asks for its API token: give it with --token or as API_TOKEN.`,
        code ?? 'TOKEN_MISSING',
      );
    }
    if (!response.ok || body === undefined) {
      throw new CommandProblem(
        `${shown}${path} answered ${response.status}${code ? ` ${code}` : ''}${detail ? `: ${detail}` : ''}`,
        code ?? `HTTP_${response.status}`,
      );
    }
    return body as T;
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = error as { name?: string; message?: string; cause?: { code?: string } };
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  return cause?.code ?? message ?? 'unknown reason';
}
