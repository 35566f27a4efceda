import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { ChunkedDecoder } from '../src/http/chunked-decoder.ts';
import { HttpUpstreamClient } from '../src/index.ts';
import { collect, TIMEOUTS } from './collect.ts';
import { wireServer } from './wire-server.ts';

const client = new HttpUpstreamClient();

/** What a client makes of an answer that a server sends piece by piece, each in a packet of its own. */
async function answer(
  pieces: readonly (string | Buffer)[],
  options: { reset?: boolean; method?: 'GET' | 'HEAD' } = {},
) {
  const server = await wireServer((socket) => {
    const [piece, ...rest] = pieces;
    const send = (next: string | Buffer | undefined, left: readonly (string | Buffer)[]): void => {
      if (next === undefined) {
        if (options.reset) socket.resetAndDestroy();
        else socket.end();
        return;
      }
      socket.write(next, () => setTimeout(() => send(left[0], left.slice(1)), 10));
    };
    socket.setNoDelay(true);
    send(piece, rest);
  });
  try {
    const response = await client.open(
      { url: server.url, headers: {}, method: options.method ?? 'GET' },
      TIMEOUTS,
    );
    const { body, error } = await collect(response);
    await response.closed;
    return {
      status: response.status,
      headers: response.headers,
      length: response.contentLength,
      text: body.toString(),
      error: error?.code,
    };
  } finally {
    await server.close();
  }
}

const OK = 'HTTP/1.1 200 OK\r\n';

describe('bodies on the wire', () => {
  test.each<[string, (string | Buffer)[], string]>([
    ['without a length end with the connection', [`${OK}\r\n`, 'ab', 'cd'], 'abcd'],
    ['end at their Content-Length', [`${OK}Content-Length: 3\r\n\r\nab`, 'cdef'], 'abc'],
    ['may be empty', [`${OK}Content-Length: 0\r\n\r\n`], ''],
    [
      'may come in chunks',
      [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`, '2;ext="x"\r\nd', 'e\r\n0\r\n\r\n'],
      'abcde',
    ],
    [
      'may have trailers',
      [`${OK}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: 1\r\nY: 2\r\n`, '\r\njunk'],
      'a',
    ],
    [
      'may follow interim responses',
      ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n', `${OK}\r\nab`],
      'ab',
    ],
    ['may come from a SHOUTcast server', ['I', 'CY 200 OK\r\nicy-name: x\r\n\r\nab'], 'ab'],
    ['may follow a head with bare line feeds', ['HTTP/1.0 200 OK\nContent-Length: 2\n\nab'], 'ab'],
    ['may follow a head with nonsense in it', [`${OK}nonsense\r\n: x\r\nContent-Length: 2\r\n\r\nab`], 'ab'],
    [
      'may follow a head in many packets',
      ['HTT', 'P/1.1 20', '0 OK\r\nContent-Le', 'ngth: 2\r', '\n\r', '\na', 'b'],
      'ab',
    ],
  ])('%s', async (_what, pieces, expected) => {
    expect(await answer(pieces)).toMatchObject({ status: 200, text: expected, error: undefined });
  });

  test.each<[string, (string | Buffer)[], boolean, string]>([
    ['an early end', [`${OK}Content-Length: 5\r\n\r\nabc`], false, 'abc'],
    ['a reset', [`${OK}\r\nabc`], true, 'abc'],
    ['a missing last chunk', [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`], false, 'abc'],
    [
      'a chunk without a size',
      [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`, 'zz\r\n'],
      false,
      'abc',
    ],
    [
      'a chunk longer than it said',
      [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc`, 'd\r\n'],
      false,
      'abc',
    ],
  ])('%s is a cut', async (_what, pieces, reset, expected) => {
    expect(await answer(pieces, { reset })).toMatchObject({ text: expected, error: 'UPSTREAM_CUT' });
  });

  test.each(['HTTP/1.1 204 No Content\r\n\r\n', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'])(
    '%j has no body',
    async (head) => {
      expect(await answer([head])).toMatchObject({ text: '', error: undefined });
    },
  );

  test('HEAD has no body, whatever its length', async () => {
    const result = await answer([`${OK}Content-Length: 500\r\n\r\n`], { method: 'HEAD' });
    expect(result).toMatchObject({ text: '', error: undefined });
    expect(result.headers['content-length']).toBe('500');
  });

  test.each([
    ['no HTTP at all', ['SSH-2.0-OpenSSH_9\r\n'], 'UPSTREAM_PROTOCOL'],
    ['two different lengths', [`${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`], 'UPSTREAM_PROTOCOL'],
    ['a length that is no number', [`${OK}Content-Length: five\r\n\r\n`], 'UPSTREAM_PROTOCOL'],
    ['an endless head', [`${OK}${'X: y\r\n'.repeat(20_000)}`], 'UPSTREAM_PROTOCOL'],
    ['half a head', [`${OK}X: y\r\n`], 'UPSTREAM_CUT'],
    ['nothing', [''], 'UPSTREAM_CUT'],
  ])('%s is an error before the response', async (_what, pieces, code) => {
    await expect(answer(pieces)).rejects.toMatchObject({ code });
    expect(client.stats().openConnections).toBe(0);
  });

  test('repeated headers are joined, the same length twice is one length', async () => {
    const { headers, length } = await answer([
      `${OK}A: 1\r\na: 2\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab`,
    ]);
    expect(headers.a).toBe('1, 2');
    expect(length).toBe(2);
  });
});

describe('content codings', () => {
  const text = 'media '.repeat(50_000);
  test.each([
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
  ])('%s is taken off', async (coding, body) => {
    const head = `${OK}Content-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n`;
    const result = await answer([head, body.subarray(0, 9), body.subarray(9)]);
    expect(result.error).toBeUndefined();
    expect(result.text === text).toBe(true);
    expect(result.length).toBeUndefined();
  });

  test('a cut body is decoded as far as it goes, and is a cut', async () => {
    const body = gzipSync(
      Buffer.from(Array.from({ length: 200_000 }, () => Math.floor(Math.random() * 256))),
    );
    const head = `${OK}Content-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`;
    const result = await answer([head, body.subarray(0, 100_000)]);
    expect(result.error).toBe('UPSTREAM_CUT');
    expect(result.text.length).toBeGreaterThan(50_000);
  });

  test('a damaged body is a cut', async () => {
    expect(await answer([`${OK}Content-Encoding: gzip\r\n\r\n`, 'this is no gzip'])).toMatchObject({
      error: 'UPSTREAM_CUT',
    });
  });

  test('an unknown coding is passed on', async () => {
    expect(await answer([`${OK}Content-Encoding: zstd\r\n\r\nabc`])).toMatchObject({ text: 'abc' });
  });
});

test('chunked decoding does not depend on where reads cut the body', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 40 }),
      (chunks, cuts) => {
        const wire = Buffer.concat([
          ...chunks.flatMap((chunk) => [
            Buffer.from(`${chunk.length.toString(16)}\r\n`),
            chunk,
            Buffer.from('\r\n'),
          ]),
          Buffer.from('0\r\n\r\n'),
        ]);
        const decoder = new ChunkedDecoder();
        const payload: Buffer[] = [];
        for (let at = 0, i = 0; at < wire.length; i++) {
          const end = Math.min(at + cuts[i % cuts.length]!, wire.length);
          payload.push(Buffer.from(decoder.accept(Buffer.from(wire.subarray(at, end)))));
          at = end;
        }
        expect(decoder.complete).toBe(true);
        expect(Buffer.concat(payload).equals(Buffer.concat(chunks))).toBe(true);
      },
    ),
  );
});
