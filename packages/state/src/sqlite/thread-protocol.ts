import { ERRORS, type ErrorCode, isStreampoolError, StreampoolError } from '@streampool/errors';
import type { ClusterState } from '../cluster-state.ts';

/** What may be asked across the threads: any method of the state, with arguments that can be cloned. */
export type StateMethod = keyof ClusterState;

export interface Call {
  readonly id: number;
  readonly method: StateMethod;
  readonly args: readonly unknown[];
}

/** A cloned Error loses its class and code, so errors cross as data. */
export interface SentError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly info: StreampoolError['info'];
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SentError };

/** The first message of a thread: it has opened the file, or it has not and will end. */
export type Greeting = { readonly ready: true } | { readonly ready: false; readonly error: SentError };

export function sendError(error: unknown): SentError {
  if (isStreampoolError(error)) return { code: error.code, message: error.message, info: error.info };
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), info: {} };
}

export function receiveError({ code, message, info }: SentError): StreampoolError {
  return new StreampoolError(code, message, {
    info,
    ...(ERRORS[code].retryable && { retryAfterSeconds: 1 }),
  });
}
