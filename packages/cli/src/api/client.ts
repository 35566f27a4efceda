import { createClient, type ApiClient as TypedClient } from '@streampool/client';
import { redactUrl } from '@streampool/redaction';
import type { AnswerTo, PathWith, QuestionOf } from './typed-paths.ts';

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

interface Question {
  readonly path?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

interface Refusal {
  readonly code?: string;
  readonly detail?: string;
}

/** Talks to the API of a running server, in the terms of its own description. */
export class ApiClient {
  readonly #base: string;
  readonly #token: string | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #client: TypedClient;

  /** `base` is the root of the API, such as `http://127.0.0.1:8085`. Questions under way end with the signal. */
  constructor(base: string, token: string | undefined, signal?: AbortSignal) {
    this.#base = base.replace(/\/+$/, '');
    this.#token = token;
    this.#signal = signal;
    this.#client = createClient({ url: this.#base, ...(token !== undefined && { token }) });
  }

  /** @throws CommandProblem that says what to do */
  get<P extends PathWith<'get'>>(path: P, question?: QuestionOf<'get', P>): Promise<AnswerTo<'get', P>> {
    return this.#ask('get', path, question);
  }

  /** @throws CommandProblem */
  post<P extends PathWith<'post'>>(path: P, question?: QuestionOf<'post', P>): Promise<AnswerTo<'post', P>> {
    return this.#ask('post', path, question);
  }

  /** @throws CommandProblem */
  put<P extends PathWith<'put'>>(path: P, question?: QuestionOf<'put', P>): Promise<AnswerTo<'put', P>> {
    return this.#ask('put', path, question);
  }

  /** @throws CommandProblem */
  delete<P extends PathWith<'delete'>>(
    path: P,
    question?: QuestionOf<'delete', P>,
  ): Promise<AnswerTo<'delete', P>> {
    return this.#ask('delete', path, question);
  }

  /** A body that has no end, until the client's signal is aborted. @throws CommandProblem */
  async stream(path: string): Promise<AsyncIterable<Uint8Array>> {
    const response = await fetch(this.#base + path, {
      headers: {
        accept: 'text/event-stream',
        ...(this.#token !== undefined && { 'x-api-token': this.#token }),
      },
      ...(this.#signal && { signal: this.#signal }),
    }).catch((cause: unknown) => {
      throw this.#silence(cause, TIMEOUT_MS);
    });
    if (!response.ok || !response.body) throw await this.#refusal(response, path);
    return response.body;
  }

  async #ask<T>(
    method: 'get' | 'post' | 'put' | 'delete',
    path: string,
    question: Question = {},
  ): Promise<T> {
    const { path: inPath, query, body, timeoutMs = TIMEOUT_MS } = question;
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(this.#signal ? [this.#signal] : [])]);
    // What belongs to which path has been checked where it was asked.
    const request = this.#client.request as unknown as (
      method: string,
      path: string,
      init: unknown,
    ) => Promise<{ data?: T; error?: Refusal; response: Response }>;
    const { data, error, response } = await request(method, path, {
      params: { path: inPath, query },
      ...(body !== undefined && { body }),
      signal,
    }).catch((cause: unknown) => {
      throw this.#silence(cause, timeoutMs);
    });
    const shownPath = path.replace(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(`${(inPath as Record<string, unknown> | undefined)?.[name]}`),
    );
    if (!response.ok || data === undefined) throw this.#refused(response, shownPath, error);
    return data;
  }

  #silence(error: unknown, timeoutMs: number): CommandProblem {
    if (this.#signal?.aborted) return new CommandProblem('Interrupted.', 'INTERRUPTED');
    return new CommandProblem(
      `No answer from ${redactUrl(this.#base)} (${reasonOf(error, timeoutMs)}). Is the server running? See --url.`,
      'NO_ANSWER',
    );
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
    const advice = tokenAdvice(status, code);
    if (advice !== undefined) return new CommandProblem(`${shown} ${advice}`, code ?? 'TOKEN_MISSING');
    return new CommandProblem(
      `${shown}${path} answered ${status}${code ? ` ${code}` : ''}${detail ? `: ${detail}` : ''}`,
      code ?? `HTTP_${status}`,
    );
  }
}

/** What to do about a refusal that is about the token. Undefined: it is about something else, or says by itself what is wrong. */
function tokenAdvice(status: number, code: string | undefined): string | undefined {
  if (code === 'TOKEN_WRONG') return 'does not know this API token: look at --token or API_TOKEN.';
  if (status === 401) return 'asks for its API token: give it with --token or as API_TOKEN.';
  return undefined;
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = error as { name?: string; message?: string; cause?: { code?: string } };
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  return cause?.code ?? message ?? 'unknown reason';
}
