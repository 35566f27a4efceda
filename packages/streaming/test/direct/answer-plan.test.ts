import { planAnswer } from '../../src/direct/answer-plan.ts';
import { parseRange, resolveRange } from '../../src/direct/byte-range.ts';

describe('ranges', () => {
  test.each([
    ['bytes=0-', { first: 0, last: undefined }],
    ['bytes=5-9', { first: 5, last: 9 }],
    ['BYTES = 5 - 9', { first: 5, last: 9 }],
    ['bytes=-500', { suffix: 500 }],
    ['bytes=9-5', undefined],
    ['bytes=0-1,5-9', undefined],
    ['bytes=-', undefined],
    ['items=0-5', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s', (header, expected) => {
    expect(parseRange(header)).toEqual(expected);
  });

  test.each([
    ['bytes=0-', { first: 0, last: 99 }],
    ['bytes=90-200', { first: 90, last: 99 }],
    ['bytes=-10', { first: 90, last: 99 }],
    ['bytes=-1000', { first: 0, last: 99 }],
    ['bytes=100-', undefined],
    ['bytes=-0', undefined],
  ])('%s of 100 bytes', (header, expected) => {
    expect(resolveRange(parseRange(header)!, 100)).toEqual(expected);
  });
});

describe('answers', () => {
  const request = (range?: string, conditional = false) => ({
    range: parseRange(range),
    conditional,
    contentType: 'video/mp2t',
  });
  const whole = (headers: Record<string, string> = {}, length: number | null = 1000) => ({
    status: 200,
    headers,
    contentLength: length ?? undefined,
    url: 'http://h/a.mp4',
  });

  test('a part is mirrored', () => {
    const response = { ...whole({ 'content-range': 'bytes 5-9/1000', etag: '"x"' }, 5), status: 206 };
    expect(planAnswer(request('bytes=5-9'), response)).toEqual({
      status: 206,
      skip: 0,
      length: 5,
      headers: {
        'Content-Type': 'video/mp4',
        'Content-Length': '5',
        'Content-Range': 'bytes 5-9/1000',
        'Accept-Ranges': 'bytes',
        ETag: '"x"',
      },
    });
  });

  test.each([
    ['a range of a body that comes whole is cut out', 'bytes=10-19', {}, 206, 10, 10, 'bytes 10-19/1000'],
    ['so is its end', 'bytes=-10', {}, 206, 990, 10, 'bytes 990-999/1000'],
    [
      'the whole is a part where ranges are served',
      'bytes=0-',
      { 'accept-ranges': 'bytes' },
      206,
      0,
      1000,
      'bytes 0-999/1000',
    ],
    ['and stays the whole where they are not', 'bytes=0-', {}, 200, 0, 1000, undefined],
    ['a range behind the end', 'bytes=1000-', {}, 416, 0, 0, 'bytes */1000'],
    ['no range', undefined, {}, 200, 0, 1000, undefined],
  ])('%s', (_what, range, headers, status, skip, length, contentRange) => {
    const plan = planAnswer(request(range), whole(headers as Record<string, string>));
    expect([plan.status, plan.skip, plan.length, plan.headers['Content-Range']]).toEqual([
      status,
      skip,
      length,
      contentRange,
    ]);
  });

  test('a range far into a body that comes whole is not worth skipping to', () => {
    expect(planAnswer(request('bytes=100000000-'), whole({}, 200_000_000))).toMatchObject({
      status: 200,
      skip: 0,
    });
  });

  test('a 200 to If-Range means another body, so it is not cut', () => {
    expect(planAnswer(request('bytes=10-', true), whole())).toMatchObject({ status: 200, skip: 0 });
  });

  test('a body without a length is continuous', () => {
    const { headers, length } = planAnswer(request('bytes=0-'), whole({ 'accept-ranges': 'bytes' }, null));
    expect(length).toBeUndefined();
    expect(headers).toEqual({
      'Content-Type': 'video/mp4',
      'Cache-Control': 'no-store',
      'Accept-Ranges': 'none',
    });
  });

  test('a part that nobody asked for, or that does not say which it is, is refused', () => {
    const refused = expect.objectContaining({ code: 'UPSTREAM_PROTOCOL' });
    const part = { ...whole({ 'content-range': 'bytes 5-9/1000' }, 5), status: 206 };
    expect(() => planAnswer(request(), part)).toThrow(refused);
    expect(() => planAnswer(request('bytes=5-9'), { ...part, headers: {} })).toThrow(refused);
    expect(planAnswer(request(), { ...part, headers: {} })).toMatchObject({ status: 200 });
  });

  test.each([
    ['video/x-weird', 'http://h/a', 'video/x-weird'],
    ['application/octet-stream', 'http://h/a.mkv?x=.ts', 'video/x-matroska'],
    ['text/html', 'http://h/live/1', 'video/mp2t'],
    [undefined, 'http://h/a.TS', 'video/mp2t'],
  ])('%s from %s is shown as %s', (type, url, expected) => {
    const response = { ...whole(type === undefined ? {} : { 'content-type': type }), url };
    expect(planAnswer(request(), response).headers['Content-Type']).toBe(expected);
  });
});
