import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { StreampoolError } from '@streampool/errors';
import type { AddressJudge } from '../address-guard.ts';
import type { TargetUrl } from '../http/target-url.ts';
import { connectError } from '../socket/connect-error.ts';
import type { UpstreamTimeouts } from '../types.ts';
import type { KeptConnections } from './kept-connections.ts';

export interface FetchExchange {
  readonly connections: KeptConnections;
  readonly target: TargetUrl;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly timeouts: UpstreamTimeouts;
  readonly fresh: boolean;
  /** Decides which address is connected to. */
  readonly judge: AddressJudge;
  readonly signal: AbortSignal | undefined;
}

/** A kept connection that was closed by the other side while the request was on its way. */
const STALE = new Set(['ECONNRESET', 'EPIPE']);

/**
 * One request and the head of its response. A kept connection that turns out to be dead is replaced by a new one, once.
 * @throws StreampoolError UPSTREAM_CONNECT_FAILED, UPSTREAM_TIMEOUT, UPSTREAM_CUT, UPSTREAM_PROTOCOL,
 *   UPSTREAM_ADDRESS_FORBIDDEN; the signal's reason
 */
export async function exchange(options: FetchExchange): Promise<IncomingMessage> {
  const { promise, wasReused } = send(options);
  try {
    return await promise;
  } catch (error) {
    if (options.signal?.aborted || !wasReused() || !STALE.has(codeOf(causeOf(error)))) throw error;
    options.connections.closeIdle(options.target);
    return send(options).promise;
  }
}

function send(options: FetchExchange): { promise: Promise<IncomingMessage>; wasReused: () => boolean } {
  const { connections, target, headers, timeouts, fresh, judge, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  let phase: 'connecting' | 'waiting' | 'over' = 'connecting';
  let timer: NodeJS.Timeout | undefined;
  const request: ClientRequest = (target.secure ? httpsRequest : httpRequest)({
    ...connections.requestOptions(target, { fresh, judge }),
    headers: headers.flat(),
  });
  const settle = (): void => {
    phase = 'over';
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
  const fail = (error: unknown): void => {
    if (phase === 'over') return;
    settle();
    reject(error);
    request.destroy();
  };
  const onAbort = (): void => fail(signal?.reason);
  const startDeadline = (ms: number, what: string): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () =>
        fail(new StreampoolError('UPSTREAM_TIMEOUT', `Waited ${ms} ms for ${what} of ${target.hostHeader}`)),
      ms,
    );
  };
  const connected = (): void => {
    if (phase !== 'connecting') return;
    phase = 'waiting';
    startDeadline(timeouts.firstByteMs, 'an answer');
  };
  request.on('socket', (socket: Socket) => {
    if (!socket.connecting && request.reusedSocket) connected();
    else socket.once(target.secure ? 'secureConnect' : 'connect', connected);
  });
  request.once('response', (message) => {
    if (phase === 'over') {
      message.destroy();
      return;
    }
    settle();
    resolve(message);
  });
  request.on('error', (error) => fail(asError(error, phase, target.hostHeader)));
  startDeadline(timeouts.connectMs, 'the connection');
  if (signal?.aborted) onAbort();
  else {
    signal?.addEventListener('abort', onAbort);
    request.end();
  }
  return { promise, wasReused: () => request.reusedSocket };
}

function asError(error: Error, phase: string, host: string): unknown {
  if (phase === 'connecting') return connectError(error, host);
  if (codeOf(error).startsWith('HPE_'))
    return new StreampoolError('UPSTREAM_PROTOCOL', 'The provider did not answer in HTTP', { cause: error });
  return new StreampoolError('UPSTREAM_CUT', 'The provider broke off before it answered', { cause: error });
}

function causeOf(error: unknown): unknown {
  return error instanceof StreampoolError ? error.cause : error;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
