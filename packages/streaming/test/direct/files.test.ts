import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { edge, play, provider } from './wire.ts';

const BODY = randomBytes(3_000_000);
const VALIDATORS = 'ETag: "v1"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n';

interface FileFaults {
  /** Bytes after which the n-th answer breaks off. */
  cutAfter?: (index: number) => number | undefined;
  how?: 'reset' | 'end' | 'stall';
  /** The validators of the n-th answer. */
  validators?: (index: number) => string;
  ranges?: boolean;
  body?: (index: number) => Buffer;
  refuse?: (index: number) => string | undefined;
}

/** A file server, with faults. */
function serveFile(faults: FileFaults) {
  return (socket: Socket, request: string, index: number): void => {
    const refusal = faults.refuse?.(index);
    if (refusal) {
      socket.end(`HTTP/1.1 ${refusal}\r\n\r\n`);
      return;
    }
    const body = faults.body?.(index) ?? BODY;
    const validators = faults.validators?.(index) ?? VALIDATORS;
    const range = faults.ranges === false ? undefined : /^range: bytes=(\d*)-(\d*)/im.exec(request);
    const ifRange = /^if-range: (.*)\r$/im.exec(request)?.[1];
    const matches = ifRange === undefined || validators.includes(ifRange);
    let [first, last] = [0, body.length - 1];
    let head = 'HTTP/1.1 200 OK\r\n';
    if (range && matches) {
      if (range[1] === '') first = Math.max(0, body.length - Number(range[2]));
      else {
        first = Number(range[1]);
        if (range[2]) last = Math.min(last, Number(range[2]));
      }
      if (first > last) {
        socket.end(
          `HTTP/1.1 416 Range\r\nContent-Range: bytes */${body.length}\r\nContent-Length: 0\r\n\r\n`,
        );
        return;
      }
      head = `HTTP/1.1 206 Partial\r\nContent-Range: bytes ${first}-${last}/${body.length}\r\n`;
    }
    const accept = faults.ranges === false ? '' : 'Accept-Ranges: bytes\r\n';
    socket.write(
      `${head}${accept}${validators}Content-Type: video/mp4\r\nContent-Length: ${last - first + 1}\r\n\r\n`,
    );
    const part = body.subarray(first, last + 1);
    const cut = faults.cutAfter?.(index);
    if (cut === undefined || cut >= part.length) socket.end(part);
    else {
      socket.write(part.subarray(0, cut), () => {
        if (faults.how === 'stall') return;
        // Give the bytes time to be read: a reset discards what the peer has not read yet.
        setTimeout(() => (faults.how === 'end' ? socket.end() : socket.resetAndDestroy()), 20);
      });
    }
  };
}

async function watch(
  faults: FileFaults,
  headers: string[] = [],
  method = 'GET',
  timeouts?: { stallMs: number },
) {
  const source = await provider(serveFile(faults));
  const breaks: string[] = [];
  const server = await edge(source.url, {
    onBreak: (error) => breaks.push(error.code),
    ...(timeouts
      ? {
          timeouts: {
            connectMs: 5_000,
            firstByteMs: 5_000,
            resume: { attempts: 4, backoffMs: 10, deadlineMs: 5_000 },
            ...timeouts,
          },
        }
      : {}),
  });
  const answer = await play(server.port, '/movie/u/p/1.mp4', headers, method);
  const reason = await server.viewers[0]?.closed;
  const error = server.viewers[0]?.error?.code;
  await Promise.all([server.close(), source.close()]);
  return { ...answer, reason, error, breaks, requests: source.requests };
}

const without = (headers: Record<string, string>, ...names: string[]) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));

describe('files', () => {
  test('come whole, with everything a player needs to seek', async () => {
    const { status, headers, body, reason } = await watch({});
    expect(status).toBe(200);
    expect(without(headers as Record<string, string>, 'date', 'connection')).toEqual({
      'content-type': 'video/mp4',
      'content-length': String(BODY.length),
      'accept-ranges': 'bytes',
      etag: '"v1"',
      'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT',
    });
    expect(body.equals(BODY)).toBe(true);
    expect(reason).toBe('ended');
  });

  test.each([
    ['bytes=0-', 0, BODY.length - 1],
    ['bytes=1000000-1000999', 1_000_000, 1_000_999],
    ['bytes=2999990-', 2_999_990, BODY.length - 1],
    ['bytes=-500', BODY.length - 500, BODY.length - 1],
  ])('%s is a part', async (range, first, last) => {
    for (const ranges of [true, false]) {
      const { status, headers, body } = await watch({ ranges }, [`Range: ${range}`]);
      if (!ranges && range === 'bytes=0-') {
        // A server that does not serve ranges: the whole, so that the player does not try to seek.
        expect(status).toBe(200);
      } else {
        expect(status).toBe(206);
        expect(headers['content-range']).toBe(`bytes ${first}-${last}/${BODY.length}`);
      }
      expect(body.equals(BODY.subarray(first, last + 1))).toBe(true);
    }
  });

  test('a range behind the end is 416 with the size', async () => {
    for (const ranges of [true, false]) {
      const { status, headers, body } = await watch({ ranges }, ['Range: bytes=3000000-']);
      expect([status, headers['content-range'], body.length]).toEqual([416, 'bytes */3000000', 0]);
    }
  });

  test('If-Range of another version gets the whole', async () => {
    const { status, body } = await watch({}, ['Range: bytes=10-', 'If-Range: "v0"']);
    expect(status).toBe(200);
    expect(body.equals(BODY)).toBe(true);
  });

  test('HEAD tells the size, from providers that refuse HEAD, too', async () => {
    const expected = {
      'content-length': '3000000',
      'accept-ranges': 'bytes',
      'content-type': 'video/mp4',
      etag: '"v1"',
    };
    const direct = await watch({}, [], 'HEAD');
    expect(direct).toMatchObject({
      status: 200,
      headers: expected,
      requests: [expect.stringContaining('HEAD ')],
    });
    const refused = await watch({ refuse: (index) => (index === 0 ? '405 No' : undefined) }, [], 'HEAD');
    expect(refused).toMatchObject({ status: 200, headers: expected });
    const missing = await watch({ refuse: () => '404 No' }, [], 'HEAD');
    expect(missing).toMatchObject({ status: 502, headers: { 'x-code': 'UPSTREAM_STATUS' } });
  });

  test('many positions are read at once', async () => {
    const source = await provider(serveFile({}));
    const server = await edge(source.url);
    const positions = Array.from({ length: 20 }, (_, i) => i * 149_999);
    const answers = await Promise.all(
      positions.map((first) => play(server.port, '/a.mkv', [`Range: bytes=${first}-${first + 99_999}`])),
    );
    for (const [i, { status, body }] of answers.entries()) {
      expect(status).toBe(206);
      expect(body.equals(BODY.subarray(positions[i]!, positions[i]! + 100_000))).toBe(true);
    }
    expect(server.client.stats().openConnections).toBe(0);
    await Promise.all([server.close(), source.close()]);
  });

  test('without an extension are known by their answer, and can be sought in', async () => {
    const source = await provider(serveFile({}));
    const server = await edge(source.url);
    const whole = await play(server.port, '/get?id=5', ['Range: bytes=0-']);
    expect(whole).toMatchObject({
      status: 206,
      headers: { 'content-range': 'bytes 0-2999999/3000000' },
      broken: false,
    });
    expect(source.requests[0]).not.toMatch(/^range/im);
    const part = await play(server.port, '/get?id=5', ['Range: bytes=2000000-']);
    expect(part.status).toBe(206);
    expect(part.body.equals(BODY.subarray(2_000_000))).toBe(true);
    expect(source.requests[1]).toMatch(/^range: bytes=2000000-\r$/im);
    await Promise.all([server.close(), source.close()]);
  });
});

describe('a file whose provider breaks off', () => {
  test.each(['reset', 'end', 'stall'] as const)('by %s goes on at the exact byte', async (how) => {
    const { status, body, broken, reason, breaks, requests } = await watch(
      { cutAfter: (index) => [1_000_000, 0, 700_001][index], how },
      [],
      'GET',
      { stallMs: 200 },
    );
    expect(status).toBe(200);
    expect(broken).toBe(false);
    expect(body.equals(BODY)).toBe(true);
    expect(reason).toBe('ended');
    expect(breaks.length).toBeGreaterThanOrEqual(2);
    expect(requests[1]).toMatch(/^range: bytes=\d+-2999999\r$/im);
    expect(requests[1]).toMatch(/^if-range: "v1"\r$/im);
  });

  test('goes on within a range, and after errors of the provider', async () => {
    const { status, body, broken } = await watch(
      {
        cutAfter: (index) => (index === 0 ? 50_000 : undefined),
        refuse: (index) => (index === 1 || index === 2 ? '503 Busy' : undefined),
      },
      ['Range: bytes=1000000-1999999'],
    );
    expect([status, broken]).toEqual([206, false]);
    expect(body.equals(BODY.subarray(1_000_000, 2_000_000))).toBe(true);
  });

  test('goes on where the provider only sends from the start', async () => {
    const { body, broken } = await watch({
      ranges: false,
      cutAfter: (index) => (index === 0 ? 1_000_000 : undefined),
    });
    expect(broken).toBe(false);
    expect(body.equals(BODY)).toBe(true);
  });

  test('goes on without validators, if the size is the same', async () => {
    const { body, broken } = await watch({
      validators: () => '',
      cutAfter: (index) => (index === 0 ? 1_000_000 : undefined),
    });
    expect(broken).toBe(false);
    expect(body.equals(BODY)).toBe(true);
  });

  const cutOnce = { cutAfter: (index: number) => (index === 0 ? 1_000_000 : undefined) };
  test.each<[string, FileFaults]>([
    ['by its ETag', { validators: (index) => (index === 0 ? VALIDATORS : VALIDATORS.replace('v1', 'v2')) }],
    ['by its date', { validators: (index) => `Last-Modified: Mon, 0${index + 1} Jan 2024 00:00:00 GMT\r\n` }],
    [
      'by its size',
      { validators: () => '', body: (index) => (index === 0 ? BODY : BODY.subarray(0, 2_900_000)) },
    ],
    [
      'by its size, shorter than what was read',
      { validators: () => '', body: (index) => (index === 0 ? BODY : BODY.subarray(0, 10)) },
    ],
  ])('and is another file afterwards (%s) is cut, visibly', async (_what, faults) => {
    const { body, broken, reason, error } = await watch({ ...faults, ...cutOnce });
    expect(broken).toBe(true);
    expect(BODY.subarray(0, body.length).equals(body)).toBe(true);
    expect([reason, error]).toEqual(['failed', 'UPSTREAM_CHANGED']);
  });

  test('and never comes back is cut, visibly, after a bounded number of attempts', async () => {
    const { body, broken, reason, error, requests } = await watch({
      ...cutOnce,
      refuse: (index) => (index > 0 ? '502 Bad' : undefined),
    });
    expect(broken).toBe(true);
    expect(BODY.subarray(0, body.length).equals(body)).toBe(true);
    expect([reason, error]).toEqual(['failed', 'UPSTREAM_STATUS']);
    expect(requests).toHaveLength(5);
  });
});
