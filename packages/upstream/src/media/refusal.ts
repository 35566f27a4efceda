import { StreampoolError } from '@streampool/errors';
import type { UpstreamResponse } from '../types.ts';

/** A body that is still text after so many bytes is text. */
const SNIFF_BYTES = 512;

const PAGE_TYPE =
  /^\s*(?:text\/html|application\/xhtml\+xml|(?:application|text)\/(?:[a-z.+-]*\+)?json|(?:application|text)\/xml)\b/i;
const PAGE_START = /^(?:\uFEFF|\s)*(?:<!doctype html|<html|<head|<\?xml|\{\s*")/i;

/** Whether these first bytes of a body tell media from text. Media shows itself within its first packet. */
export function canJudge(start: Buffer): boolean {
  return start.length >= SNIFF_BYTES || !isText(start);
}

/** Why an answer is no media by its status: anything but 200 and 206. */
export function statusRefusal(response: Pick<UpstreamResponse, 'status'>): StreampoolError | undefined {
  const { status } = response;
  if (status === 200 || status === 206) return undefined;
  return new StreampoolError('UPSTREAM_STATUS', `The provider answered ${status}`, {
    info: { upstreamStatus: status },
  });
}

/**
 * Why a body is no media. Providers answer 200 with a page ("account expired", "too many connections") or with JSON;
 * others send MPEG-TS as text/html because that is PHP's default. So the bytes decide, as far as there are any.
 * @param start the first bytes of the body, see {@link canJudge}; absent where there are none to look at (HEAD)
 */
export function mediaRefusal(contentType: string | undefined, start?: Buffer): StreampoolError | undefined {
  const declared = contentType !== undefined && PAGE_TYPE.test(contentType);
  if (start === undefined) return declared ? notMedia(contentType) : undefined;
  if (start.length === 0) return new StreampoolError('UPSTREAM_NOT_MEDIA', 'The provider sent an empty body');
  const head = start.subarray(0, SNIFF_BYTES);
  if (!isText(head)) return undefined;
  const text = head.toString('utf8');
  if (/^(?:\uFEFF|\s)*#EXTM3U/.test(text)) return undefined;
  return declared || PAGE_START.test(text) ? notMedia(contentType ?? 'a page') : undefined;
}

function notMedia(what: string): StreampoolError {
  return new StreampoolError(
    'UPSTREAM_NOT_MEDIA',
    `The provider sent ${what.replace(/;.*$/s, '').trim()} instead of media`,
  );
}

/** Media holds bytes that no text does within its first few dozen. */
function isText(bytes: Buffer): boolean {
  for (const byte of bytes) {
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d && byte !== 0x1b)
      return false;
  }
  return true;
}
