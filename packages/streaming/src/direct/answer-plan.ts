import { StreampoolError } from '@streampool/errors';
import { mediaTypeOf, parseContentRange, type UpstreamResponse } from '@streampool/upstream';
import { type RequestedRange, resolveRange } from './byte-range.ts';

/** What a viewer is answered, and which part of the provider's body that takes. */
export interface AnswerPlan {
  readonly status: 200 | 206 | 416;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the provider's body to leave out at its start. */
  readonly skip: number;
  /** Bytes the viewer is promised; undefined for a body that ends when the connection does. */
  readonly length: number | undefined;
}

export interface AnswerRequest {
  readonly range: RequestedRange | undefined;
  /** The viewer wants the range only of the body it already knows part of (If-Range). */
  readonly conditional: boolean;
  /** Told to the viewer where neither the provider nor the extension names a media type. */
  readonly contentType: string;
}

type Head = Pick<UpstreamResponse, 'status' | 'headers' | 'contentLength' | 'url'>;

/** A range is cut out of a body that the provider sends from the start, if no more than this is thrown away for it. */
const MAX_SKIP_BYTES = 32 * 1024 * 1024;

const MIRRORED: readonly (readonly [string, string])[] = [
  ['etag', 'ETag'],
  ['last-modified', 'Last-Modified'],
  ['content-disposition', 'Content-Disposition'],
];

/**
 * Makes the viewer's answer from a provider's 200 or 206. Ranges are mirrored where the provider serves them, and cut
 * out here where it ignores them, as far as that is cheap: players that asked for a range take a 200 for a restart.
 * @throws StreampoolError UPSTREAM_PROTOCOL for a 206 that does not say which part it is
 */
export function planAnswer(request: AnswerRequest, response: Head): AnswerPlan {
  return response.status === 206 ? planPart(request, response) : planWhole(request, response);
}

function planPart(request: AnswerRequest, response: Head): AnswerPlan {
  const part = parseContentRange(response.headers['content-range']);
  const whole = part?.first === 0 && (part.total === undefined || part.last === part.total - 1);
  if (request.range === undefined) {
    // Some live servers answer 206 to everything.
    if (part && !whole) {
      throw new StreampoolError(
        'UPSTREAM_PROTOCOL',
        'The provider sent a part where the whole was asked for',
      );
    }
    return plan(request, response, { status: 200, skip: 0, length: response.contentLength });
  }
  if (!part)
    throw new StreampoolError('UPSTREAM_PROTOCOL', 'The provider sent a part without saying which one');
  return plan(
    request,
    response,
    { status: 206, skip: 0, length: part.last - part.first + 1 },
    {
      'Content-Range': `bytes ${part.first}-${part.last}/${part.total ?? '*'}`,
      'Accept-Ranges': 'bytes',
    },
  );
}

function planWhole(request: AnswerRequest, response: Head): AnswerPlan {
  const total = response.contentLength;
  const whole = plan(request, response, { status: 200, skip: 0, length: total });
  if (request.range === undefined || total === undefined || request.conditional) return whole;
  const range = resolveRange(request.range, total);
  if (range === undefined) return unsatisfiable(`bytes */${total}`);
  const servesRanges = response.headers['accept-ranges']?.trim().toLowerCase() === 'bytes';
  if (range.first > MAX_SKIP_BYTES || (range.first === 0 && !servesRanges)) return whole;
  return plan(
    request,
    response,
    { status: 206, skip: range.first, length: range.last - range.first + 1 },
    {
      'Content-Range': `bytes ${range.first}-${range.last}/${total}`,
    },
  );
}

/** @param contentRange what the provider said about the size, such as `bytes` and an asterisk before the total */
export function unsatisfiable(contentRange: string | undefined): AnswerPlan {
  return {
    status: 416,
    headers: {
      ...(contentRange === undefined ? {} : { 'Content-Range': contentRange }),
      'Content-Length': '0',
    },
    skip: 0,
    length: 0,
  };
}

function plan(
  request: AnswerRequest,
  response: Head,
  body: Pick<AnswerPlan, 'status' | 'skip' | 'length'>,
  more: Record<string, string> = {},
): AnswerPlan {
  const headers: Record<string, string> = {
    'Content-Type': mediaTypeOf(response.headers['content-type'], response.url, request.contentType),
  };
  for (const [name, shown] of MIRRORED) {
    const value = response.headers[name];
    if (value !== undefined) headers[shown] = value;
  }
  if (body.length === undefined) {
    headers['Cache-Control'] = 'no-store';
    headers['Accept-Ranges'] = 'none';
  } else {
    headers['Content-Length'] = String(body.length);
    const ranges = response.headers['accept-ranges'];
    if (ranges !== undefined) headers['Accept-Ranges'] = ranges;
  }
  return { ...body, headers: { ...headers, ...more } };
}
