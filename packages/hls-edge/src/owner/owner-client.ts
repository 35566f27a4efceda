import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { ERRORS, type ErrorCode, StreampoolError } from '@streampool/errors';
import type { HlsAnswer, HlsRequest } from '@streampool/hls';
import type { Clock, RemotePlacement } from '@streampool/streaming';
import { GrowingBody } from '../body/growing-body.ts';
import { answerHeaders, readAnswer, resumeText, WIRE } from './wire.ts';

export interface OwnerClientOptions {
  /** Name of this node, told to owners. */
  readonly node: string;
  /** The secret that all nodes share. */
  readonly token: string;
  /** A node on the same network answers a connection at once or not at all; ms. */
  readonly connectMs: number;
  /** Silence after which an owner counts as stuck: one that waits for its source says so several times within it; ms. */
  readonly stallMs: number;
  /** The longest an answer may be waited for, signs of life or not; ms. */
  readonly answerMs: number;
  readonly clock: Clock;
}

/** What came of asking an owner. */
export type OwnerReply =
  | {
      readonly kind: 'answer';
      readonly answer: HlsAnswer;
      readonly epoch: number;
      /** What nodes had of a former owner is in it, as far as it is to be shown. */
      readonly isWhole: boolean;
    }
  /** That node is not the owner, and was not made it. */
  | { readonly kind: 'elsewhere' }
  /** The owner cannot answer either. */
  | { readonly kind: 'refused'; readonly error: StreampoolError }
  /** `died`: the node itself is gone or stuck, not only this connection. */
  | { readonly kind: 'lost'; readonly died: boolean; readonly reason: string };

/** What is given to an owner, and until when. */
export type OwnerGift = Pick<OwnerQuestion, 'place' | 'streamId' | 'request' | 'signal'>;

export interface OwnerQuestion {
  readonly place: RemotePlacement;
  readonly streamId: string;
  readonly request: HlsRequest;
  /** Aborted: nobody waits for the answer, or for its body. */
  readonly signal: AbortSignal;
  /** Called with the bytes of a growing body as they come. */
  readonly onGrow: (body: GrowingBody, bytes: number) => void;
  /** A body has broken off: true if the rest of it came from somewhere else. Must not reject. */
  readonly mend?: (body: GrowingBody) => Promise<boolean>;
}

const MOST_PLAYLIST_BYTES = 16 * 1024 * 1024;
const MOST_REFUSAL_BYTES = 16 * 1024;
const IDLE_SOCKET_MS = 10_000;

/** Asks the owner of a stream, over connections that are kept. */
export class OwnerClient {
  readonly #options: OwnerClientOptions;
  readonly #http = new HttpAgent({ keepAlive: true, timeout: IDLE_SOCKET_MS });
  readonly #https = new HttpsAgent({ keepAlive: true, timeout: IDLE_SOCKET_MS });

  constructor(options: OwnerClientOptions) {
    this.#options = options;
  }

  /** Resolves when the head has come, and of a playlist all of it. Never rejects. */
  async ask(question: OwnerQuestion): Promise<OwnerReply> {
    const first = await this.#askOnce(question);
    // A kept connection that the other side closed at this very moment says nothing of the node.
    if (first === 'reused-and-closed') {
      const second = await this.#askOnce(question, { fresh: true });
      return second === 'reused-and-closed' ? { kind: 'lost', died: true, reason: 'ECONNRESET' } : second;
    }
    return first;
  }

  /** Gives the next owner what a former one had answered. False: that did not come about. Never rejects. */
  async give(gift: OwnerGift, answer: HlsAnswer & { readonly body: Buffer }): Promise<boolean> {
    const first = await this.#giveOnce(gift, answer);
    if (first !== 'reused-and-closed') return first;
    return (await this.#giveOnce(gift, answer, { fresh: true })) === true;
  }

  /** Idempotent: kept connections are closed. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #giveOnce(
    { place, streamId, request, signal }: OwnerGift,
    answer: HlsAnswer & { readonly body: Buffer },
    { fresh = false } = {},
  ): Promise<boolean | 'reused-and-closed'> {
    const { node, token } = this.#options;
    const isTls = place.url.startsWith('https:');
    return new Promise((resolve) => {
      const given = (isTls ? httpsRequest : httpRequest)(urlOf(place, streamId, request), {
        method: 'PUT',
        agent: fresh ? false : isTls ? this.#https : this.#http,
        signal,
        headers: {
          Authorization: `Bearer ${token}`,
          [WIRE.node]: node,
          ...answerHeaders(answer, place.epoch),
          'content-length': answer.body.length,
        },
      });
      given.on('error', ({ code }: NodeJS.ErrnoException) => {
        const isClosed = code === 'ECONNRESET' || code === 'EPIPE';
        resolve(given.reusedSocket && isClosed && !fresh ? 'reused-and-closed' : false);
      });
      given.on('response', (response) => {
        response.on('error', () => {}).resume();
        resolve(response.statusCode === 204);
      });
      given.end(answer.body);
    });
  }

  #askOnce(
    { place, streamId, request, signal, onGrow, mend }: OwnerQuestion,
    { fresh = false } = {},
  ): Promise<OwnerReply | 'reused-and-closed'> {
    const { node, token, connectMs, stallMs, answerMs, clock } = this.#options;
    const isTls = place.url.startsWith('https:');
    const url = urlOf(place, streamId, request);
    return new Promise((resolve) => {
      let cancelSilence = (): void => {};
      let response: IncomingMessage | undefined;
      const done = (reply: OwnerReply | 'reused-and-closed'): void => {
        cancelSilence();
        cancelAnswer();
        resolve(reply);
      };
      const lost = (died: boolean, reason: string): void => {
        done({ kind: 'lost', died, reason });
        asked.destroy();
      };
      const silence = (ms: number, reason: string): void => {
        cancelSilence();
        cancelSilence = clock.after(ms, () => lost(true, reason));
      };
      const cancelAnswer = clock.after(answerMs, () => lost(false, 'it has no answer in time'));
      const asked: ClientRequest = (isTls ? httpsRequest : httpRequest)(url, {
        agent: fresh ? false : isTls ? this.#https : this.#http,
        signal,
        headers: {
          Authorization: `Bearer ${token}`,
          [WIRE.node]: node,
          ...(request.range !== undefined && { Range: request.range }),
          ...(request.resume && { [WIRE.resume]: resumeText(request.resume) }),
          ...(place.deposes !== undefined && { [WIRE.deposes]: `${place.deposes}` }),
        },
      });
      silence(connectMs, 'it cannot be connected to');
      const connected = (): void => silence(stallMs, 'it does not answer');
      asked.on('socket', (socket) => {
        if (socket.connecting) socket.once(isTls ? 'secureConnect' : 'connect', connected);
        else connected();
      });
      // It waits for its source, and says that it is alive.
      asked.on('information', connected);
      asked.on('error', (error: NodeJS.ErrnoException) => {
        if (response) return;
        if (signal.aborted) done({ kind: 'lost', died: false, reason: 'nobody waits any more' });
        else if (asked.reusedSocket && !fresh && error.code === 'ECONNRESET') done('reused-and-closed');
        else lost(true, error.code ?? error.message);
      });
      asked.on('response', (message) => {
        response = message;
        cancelSilence();
        message.on('error', () => {});
        void this.#read(message, { onGrow, mend }).then(done, (error: Error) => lost(true, error.message));
      });
      asked.end();
    });
  }

  /** @throws Error where the answer breaks off */
  async #read(
    response: IncomingMessage,
    { onGrow, mend }: Pick<OwnerQuestion, 'onGrow'> & { mend: OwnerQuestion['mend'] },
  ): Promise<OwnerReply> {
    const said = readAnswer(response.statusCode ?? 0, response.headers);
    if (!said) return refusalOf(response.statusCode ?? 0, await this.#text(response, MOST_REFUSAL_BYTES));
    const { described, epoch, isWhole } = said;
    if (described.kind === 'playlist' || described.kind === 'asset-list') {
      const body = await this.#text(response, MOST_PLAYLIST_BYTES);
      return { kind: 'answer', epoch, isWhole, answer: { ...described, body } };
    }
    const length = Number(response.headers['content-length'] ?? Number.NaN);
    const body: GrowingBody = new GrowingBody({
      ...(Number.isFinite(length) && { length }),
      onGrow: (bytes) => onGrow(body, bytes),
      onAbandoned: () => response.destroy(),
    });
    void this.#feed(response, body, mend);
    return { kind: 'answer', epoch, isWhole, answer: { ...described, body } };
  }

  async #feed(response: IncomingMessage, body: GrowingBody, mend: OwnerQuestion['mend']): Promise<void> {
    const { clock, answerMs } = this.#options;
    const watch = (): (() => void) =>
      clock.after(answerMs, () => response.destroy(new Error('nothing came for too long')));
    let cancel = watch();
    try {
      for await (const chunk of response) {
        cancel();
        await body.push(chunk as Buffer);
        cancel = watch();
      }
      body.end();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!(await mend?.(body)))
        body.fail(new StreampoolError('RELAY_LOST', `the owner broke off: ${reason}`));
    } finally {
      cancel();
    }
  }

  async #text(response: IncomingMessage, most: number): Promise<Buffer> {
    const { clock, stallMs } = this.#options;
    const cancel = clock.after(stallMs, () => response.destroy(new Error('its answer does not end')));
    const parts: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const part of response) {
        bytes += (part as Buffer).length;
        if (bytes > most) throw new Error('its answer is too long');
        parts.push(part as Buffer);
      }
    } finally {
      cancel();
    }
    return Buffer.concat(parts);
  }
}

function urlOf({ url }: RemotePlacement, streamId: string, { path, query }: HlsRequest): string {
  return `${url}/internal/hls/${encodeURIComponent(streamId)}/${path}${query.size > 0 ? `?${query}` : ''}`;
}

function refusalOf(status: number, body: Buffer): OwnerReply {
  let said: Record<string, unknown> = {};
  try {
    said = JSON.parse(body.toString()) as Record<string, unknown>;
  } catch {
    // Not from a node of this cluster; its status is all there is.
  }
  const { code, detail, retryAfterSeconds } = said;
  if (code === 'OWNER_CHANGED') return { kind: 'elsewhere' };
  if (code === 'SHUTTING_DOWN') return { kind: 'lost', died: true, reason: 'it is shutting down' };
  const isKnown = typeof code === 'string' && Object.hasOwn(ERRORS, code);
  if (!isKnown || code === 'STATE_UNAVAILABLE' || code.startsWith('TOKEN_'))
    return { kind: 'lost', died: false, reason: `it answers ${status} ${isKnown ? code : ''}` };
  return {
    kind: 'refused',
    error: new StreampoolError(
      code as ErrorCode,
      typeof detail === 'string' ? detail : 'the owner refuses',
      typeof retryAfterSeconds === 'number' ? { retryAfterSeconds } : {},
    ),
  };
}
