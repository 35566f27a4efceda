import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { redactText } from '@streampool/redaction';
import { AddressGuard, type AddressPolicy, type UpstreamClient } from '@streampool/upstream';
import { SIGNATURE_HEADER, signature } from './signature.ts';

/** Who is told. */
export interface Receiver {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of one attempt, ms. */
  readonly timeoutMs: number;
  /** Absent: not signed. */
  readonly secret?: string;
}

export interface WebhookSenderOptions {
  /** Whose address guard lets receivers through, and nothing else. */
  readonly client: UpstreamClient;
  /** The same as the client's: for addresses that can be refused before anything is sent. */
  readonly policy: AddressPolicy;
  readonly version: string;
  /** ms since the epoch. */
  readonly wallNow?: () => number;
}

/** Tells a receiver something, once, by POST. */
export class WebhookSender {
  readonly #client: UpstreamClient;
  readonly #guard: AddressGuard;
  readonly #userAgent: string;
  readonly #wallNow: () => number;

  constructor({ client, policy, version, wallNow = Date.now }: WebhookSenderOptions) {
    this.#client = client;
    this.#guard = new AddressGuard(policy);
    this.#userAgent = `Streampool-Webhook/${version}`;
    this.#wallNow = wallNow;
  }

  /** Why nothing will ever be sent to this URL, or undefined. Names are judged when they are resolved. */
  refusalOf(url: string): StreampoolError | undefined {
    const { hostname, port, protocol } = new URL(url);
    const plain = hostname.replace(/^\[|\]$/g, '');
    return this.#guard.refusalOfHost(plain, port ? Number(port) : protocol === 'https:' ? 443 : 80);
  }

  /**
   * Resolves with the status once the receiver has taken it (2xx). `body` is ASCII.
   * @throws StreampoolError WEBHOOK_NOT_DELIVERED with the reason, free of credentials
   */
  async send(receiver: Receiver, body: string, signal?: AbortSignal): Promise<number> {
    const { url, headers, timeoutMs, secret } = receiver;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signed =
      secret === undefined ? {} : { [SIGNATURE_HEADER]: signature(secret, body, this.#wallNow() / 1000) };
    let status: number;
    try {
      const answer = await this.#client.open(
        {
          method: 'POST',
          url,
          headers: { ...headers, 'Content-Type': 'application/json', ...signed },
          userAgent: this.#userAgent,
          body,
        },
        {
          timeouts: { connectMs: timeoutMs, firstByteMs: timeoutMs },
          signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
        },
      );
      status = answer.status;
      answer.close();
    } catch (error) {
      throw notDelivered(deadline.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error), error);
    }
    if (status < 200 || status > 299) throw notDelivered(`it answered ${status}`);
    return status;
  }
}

function reasonOf(error: unknown): string {
  if (isStreampoolError(error)) return error.message;
  return redactText(error instanceof Error ? error.message : String(error));
}

function notDelivered(reason: string, cause?: unknown): StreampoolError {
  return new StreampoolError('WEBHOOK_NOT_DELIVERED', `The receiver did not take it: ${reason}`, { cause });
}
