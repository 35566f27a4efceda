import { createHash, randomUUID } from 'node:crypto';
import type { StreamKind } from './records.ts';

/**
 * Who shares a stream (`STREAM_SHARING_STRATEGY`):
 * `url_profile`, whoever would get the same bytes; `url_only`, whoever names the same URL and kind, whatever they ask of it
 * (the first request's profile and headers hold for all); `disabled`, nobody: every request makes a stream of its own.
 */
export type SharingStrategy = 'url_profile' | 'url_only' | 'disabled';

/** Everything that changes a stream's bytes. Variables of a profile count through the arguments they resolve to. */
export interface StreamIdentity {
  readonly kind: StreamKind;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly userAgent?: string;
  /** FFmpeg's arguments with every variable filled in; a profile's name says nothing of the bytes. */
  readonly ffmpegArgs?: readonly string[];
  readonly format?: string;
  /** How the media on a page is found, in words of a fixed order. */
  readonly resolver?: readonly string[];
}

/** Part of the hash, so that a changed rule cannot make an old id mean something new. */
const RULE = 'streampool/1';

/**
 * The id of a stream: 32 hex digits (128 bits) of the SHA-256 of its identity. The same for the same bytes on every node
 * and after every restart. The order and the case of header names do not matter; anything else does, the URL byte for byte:
 * providers sign queries, so no two spellings of a URL are known to be the same.
 */
export function streamId(identity: StreamIdentity, strategy: SharingStrategy = 'url_profile'): string {
  // Arrays of strings in a fixed order: JSON of them is unambiguous, so no two identities share one text.
  const parts: unknown[] = [RULE, identity.kind, identity.url];
  if (strategy !== 'url_only') {
    parts.push(
      canonicalHeaders(identity.headers ?? {}),
      identity.userAgent ?? null,
      identity.ffmpegArgs ?? null,
      identity.format ?? null,
      ...(identity.resolver ? [identity.resolver] : []),
    );
  }
  if (strategy === 'disabled') parts.push(randomUUID());
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** Header names are case-insensitive (RFC 9110 §5.1), and the order of different names has no meaning (§5.3). */
function canonicalHeaders(headers: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(headers)
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB));
}

/** By code units, not by locale: every node must sort alike. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
