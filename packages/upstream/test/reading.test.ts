import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { jest } from '@jest/globals';
import { HttpUpstreamClient, type RetainedChunk } from '../src/index.ts';
import { PACE_GRAIN_MS, PaceWheel } from '../src/socket/pace-wheel.ts';
import { READ_BYTES, ReadBuffer, ReadMemory } from '../src/socket/read-memory.ts';
import { ReadPace } from '../src/socket/read-pace.ts';
import { TURN_BYTES } from '../src/socket/turn-queue.ts';
import { collect, TIMEOUTS, until } from './collect.ts';
import { wireServer } from './wire-server.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n';

/** Writes as fast as the socket takes it, until `bytes` have been sent. */
function pour(socket: Socket, bytes: number): void {
  const piece = Buffer.alloc(64 * 1024, 0x47);
  let left = bytes;
  const more = (): void => {
    while (left > 0 && !socket.destroyed) {
      const length = Math.min(left, piece.length);
      left -= length;
      if (!socket.write(piece.subarray(0, length))) {
        socket.once('drain', more);
        return;
      }
    }
    socket.end();
  };
  more();
}

describe('retained chunks', () => {
  test('keep their bytes while other connections read on', async () => {
    const bodies = Array.from({ length: 6 }, () => randomBytes(3_000_000));
    const server = await wireServer((socket, head) => {
      socket.write(HEAD);
      socket.end(bodies[Number(head.split(' ')[1]?.slice(1))]!);
    });
    const client = new HttpUpstreamClient();
    await Promise.all(
      bodies.map(async (body, i) => {
        const response = await client.open({ url: `${server.url}/${i}`, headers: {} }, TIMEOUTS);
        const chunks: RetainedChunk[] = [];
        const copies: Buffer[] = [];
        await new Promise<void>((done) => {
          response.start({
            data: (_chunk, retain) => {
              chunks.push(retain());
              // Some are released early, as a drained socket does, so that their memory goes round.
              if (chunks.length > 3) {
                const oldest = chunks.shift()!;
                copies.push(Buffer.from(oldest.bytes));
                oldest.release();
              }
            },
            end: () => done(),
          });
        });
        for (const chunk of chunks) copies.push(Buffer.from(chunk.bytes));
        expect(Buffer.concat(copies).equals(body)).toBe(true);
      }),
    );
    await server.close();
  });

  test('are copies from the shared buffer, and the buffer itself once a connection is fast', () => {
    const memory = new ReadMemory();
    const buffer = new ReadBuffer(memory);
    const shared = buffer.next();
    expect(shared).toBe(memory.scratch);
    buffer.offer(shared.subarray(10, 200_000), 200_000);
    const copied = buffer.retain();
    expect(copied.bytes.buffer).not.toBe(shared.buffer);
    expect(copied.bytes).toHaveLength(199_990);
    expect(() => buffer.retain()).toThrow('once');

    const own = buffer.next();
    expect(own.buffer).not.toBe(shared.buffer);
    buffer.offer(own.subarray(0, 200_000), 200_000);
    const kept = buffer.retain();
    expect(kept.bytes.buffer).toBe(own.buffer);

    buffer.offer(buffer.next().subarray(0, 10), 10);
    const slow = buffer.retain();
    expect(buffer.next()).toBe(memory.scratch);
    for (const chunk of [copied, kept, slow, slow]) chunk.release();
    expect(memory.heldBytes).toBe(0);
  });

  test('make reads small while slow sinks hold much', () => {
    const memory = new ReadMemory();
    const buffers = Array.from({ length: 200 }, () => new ReadBuffer(memory));
    const held = buffers.map((buffer) => {
      const shared = buffer.next();
      buffer.offer(shared, shared.length);
      const chunk = buffer.retain();
      buffer.next();
      return chunk;
    });
    expect(memory.tight).toBe(true);
    expect(memory.scratch.length).toBeLessThan(READ_BYTES);
    // Half a megabyte each would be 100 MB.
    expect(memory.heldBytes).toBeLessThan(48 * 1024 * 1024);
    for (const chunk of held) chunk.release();
    for (const buffer of buffers) buffer.dispose();
    expect(memory.heldBytes).toBe(0);
    expect(memory.scratch.length).toBe(READ_BYTES);
  });
});

test('a paused response holds the provider back, and goes on where it was', async () => {
  const total = 30_000_000;
  let provider: Socket | undefined;
  const server = await wireServer((socket) => {
    provider = socket;
    socket.write(HEAD);
    pour(socket, total);
  });
  const client = new HttpUpstreamClient();
  const response = await client.open({ url: server.url, headers: {} }, TIMEOUTS);
  let received = 0;
  let ended = false;
  let paused = false;
  response.start({
    data: (chunk) => {
      expect(paused).toBe(false);
      received += chunk.length;
      paused = true;
      response.pause();
    },
    end: () => {
      ended = true;
    },
  });
  await until(() => paused, 'first data');
  // Kernel buffers fill up, then nothing moves any more.
  let before = -1;
  await until(() => {
    const stuck = provider?.bytesWritten === before && (provider?.writableLength ?? 0) > 0;
    before = provider?.bytesWritten ?? 0;
    return stuck;
  }, 'the provider is held back');
  expect(received).toBeLessThanOrEqual(READ_BYTES);
  while (!ended) {
    paused = false;
    response.resume();
    await until(() => paused || ended, 'more data');
  }
  expect(received).toBe(total);
  expect(response.bytesReceived).toBe(total);
  await server.close();
});

test('a fast source gives others their turn of the event loop', async () => {
  const server = await wireServer((socket) => {
    socket.write(HEAD);
    pour(socket, 100_000_000);
  });
  const client = new HttpUpstreamClient();
  const response = await client.open({ url: server.url, headers: {} }, TIMEOUTS);
  let thisTurn = 0;
  let most = 0;
  let ended = false;
  const turn = (): void => {
    thisTurn = 0;
    if (!ended) setImmediate(turn);
  };
  setImmediate(turn);
  await new Promise<void>((done) => {
    response.start({
      data: (chunk) => {
        thisTurn += chunk.length;
        most = Math.max(most, thisTurn);
        // Slower than the source, so that there is always more to read.
        for (const until = performance.now() + 0.5; performance.now() < until; );
      },
      end: () => done(),
    });
  });
  ended = true;
  expect(response.bytesReceived).toBe(100_000_000);
  expect(most).toBeLessThan(TURN_BYTES + READ_BYTES);
  await server.close();
});

describe('pacing', () => {
  test('a fast source is not capped', async () => {
    const total = 200_000_000;
    const server = await wireServer((socket) => {
      socket.write(HEAD);
      pour(socket, total);
    });
    const client = new HttpUpstreamClient();
    const response = await client.open({ url: server.url, headers: {} }, TIMEOUTS);
    const started = Date.now();
    let received = 0;
    await new Promise<void>((done) => {
      response.start(
        {
          data: (chunk) => {
            received += chunk.length;
          },
          end: () => done(),
        },
        { paceMs: 100 },
      );
    });
    expect(received).toBe(total);
    // A receive window per pause (64 KB each 100 ms) would take five minutes.
    expect(Date.now() - started).toBeLessThan(60_000);
    await server.close();
  });

  test('a live source is read in batches', async () => {
    const server = await wireServer((socket) => {
      socket.write(HEAD);
      let sent = 0;
      const timer = setInterval(() => {
        socket.write(Buffer.alloc(1316, 0x47));
        if (++sent === 400 || socket.destroyed) {
          clearInterval(timer);
          socket.end();
        }
      }, 2);
    });
    const client = new HttpUpstreamClient();
    const reads = async (paceMs: number) => {
      const response = await client.open({ url: server.url, headers: {} }, TIMEOUTS);
      let count = 0;
      let bytes = 0;
      await new Promise<void>((done) => {
        response.start(
          {
            data: (chunk) => {
              count++;
              bytes += chunk.length;
            },
            end: () => done(),
          },
          { paceMs },
        );
      });
      expect(bytes).toBe(400 * 1316);
      return count;
    };
    const [unpaced, paced] = [await reads(0), await reads(100)];
    expect(paced).toBeLessThan(unpaced / 2);
    await server.close();
  });

  test('waits are as long as asked for slow sources, shorter the faster they are, none for fast ones', () => {
    const pauseAt = (bytesPerMs: number) => {
      const pace = new ReadPace(100, 0);
      pace.count(bytesPerMs * 100);
      return pace.pauseMs(100);
    };
    expect(pauseAt(0)).toBe(100);
    expect(pauseAt(250)).toBe(100);
    expect(pauseAt(2_500)).toBeCloseTo(19.7, 1);
    expect(pauseAt(100_000)).toBe(0);
  });

  test('the wheel wakes each once, in its grain, and its timer stops', () => {
    jest.useFakeTimers();
    const wheel = new PaceWheel();
    const woken: string[] = [];
    wheel.schedule(() => woken.push('late'), 100);
    wheel.schedule(() => {
      woken.push('soon');
      wheel.schedule(() => woken.push('again'), 20);
    }, 1);
    jest.advanceTimersByTime(PACE_GRAIN_MS);
    expect(woken).toEqual(['soon']);
    jest.advanceTimersByTime(20);
    expect(woken).toEqual(['soon', 'again']);
    jest.advanceTimersByTime(70);
    expect(woken).toEqual(['soon', 'again', 'late']);
    expect(wheel.waiting).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });
});

test('a body of many chunks reaches the sink in one piece per read', async () => {
  const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
  const server = await wireServer((socket) => {
    socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(1_000)}0\r\n\r\n`);
  });
  const client = new HttpUpstreamClient();
  const response = await client.open({ url: server.url, headers: {} }, TIMEOUTS);
  const { body, error } = await collect(response);
  expect(error).toBeUndefined();
  expect(body.equals(Buffer.alloc(4_096_000, 'x'))).toBe(true);
  await server.close();
});
