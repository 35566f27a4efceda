import { ApiClient } from '../api/client.ts';
import { loadConfig } from '../config/load.ts';
import { baseUrl } from '../serve/announce.ts';
import type { Ask } from './reports.ts';
import { type Surroundings, watch } from './watch.ts';

/** Options of every command that asks a running server. */
export interface AskOptions {
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
}

export interface ShowOptions extends AskOptions {
  /** Seconds between two looks, as text; true for the default. */
  readonly watch?: string | true;
}

/** The server that is asked: `--url`, else the one that the settings here describe. */
export function apiOf(options: AskOptions, signal?: AbortSignal): ApiClient {
  const { config } = loadConfig({ env: process.env, directory: process.cwd() });
  const url = options.url ?? process.env.STREAMPOOL_URL ?? baseUrl(config, config.port);
  // Without one for everything, the first that may change things: these commands do.
  const own = config.apiToken ?? config.apiTokens?.find(({ scopes }) => scopes.includes('manage'))?.token;
  return new ApiClient(url, options.token ?? own, signal);
}

/** Asks once and resolves with what to print. `width`: of the terminal. @throws CommandProblem */
export async function show(ask: Ask, options: AskOptions, width?: number): Promise<string> {
  const { answer, text } = await ask(apiOf(options));
  return options.json ? asJson(answer) : text(width);
}

/** Prints what a question is answered with: once, or with `--watch` again and again until a signal. @throws CommandProblem */
export async function showCommand(ask: Ask, options: ShowOptions, surroundings: Surroundings): Promise<void> {
  const { output, signal } = surroundings;
  if (options.watch !== undefined) await watch(ask, apiOf(options, signal), options, surroundings);
  else output.write(`${await show(ask, options, output.isTTY ? output.columns : undefined)}\n`);
}

export function asJson(answer: unknown): string {
  return JSON.stringify(answer, null, 2);
}
