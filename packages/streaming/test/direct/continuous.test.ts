import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { edge, play, provider, until } from './wire.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n';

test('bytes arrive identical, without framing, and the connection ends with the stream', async () => {
  const body = randomBytes(5_000_000);
  const source = await provider((socket) => {
    socket.write(HEAD);
    socket.end(body);
  });
  const server = await edge(source.url);
  const answer = await play(server.port, '/live/u/p/1.ts', ['Range: bytes=0-']);
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({
    'content-type': 'video/mp2t',
    connection: 'close',
    'accept-ranges': 'none',
  });
  expect(answer.headers).not.toHaveProperty('content-length');
  expect(answer.headers).not.toHaveProperty('transfer-encoding');
  expect(answer.body.equals(body)).toBe(true);
  expect(source.requests[0]).not.toMatch(/range/i);
  expect(await server.viewers[0]?.closed).toBe('ended');
  expect(server.viewers[0]?.snapshot()).toMatchObject({ bytes: body.length, lagBytes: 0 });
  await Promise.all([server.close(), source.close()]);
});

test('a chunked stream arrives without its chunks', async () => {
  const source = await provider((socket) => {
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nGabc\r\n3\r\ndef\r\n0\r\n\r\n');
  });
  const server = await edge(source.url);
  const answer = await play(server.port, '/1.ts');
  expect(answer.body.toString()).toBe('Gabcdef');
  expect(answer.headers).not.toHaveProperty('transfer-encoding');
  await Promise.all([server.close(), source.close()]);
});

test('each viewer has a connection of its own, none before it asks, HEAD asks nobody', async () => {
  const source = await provider((socket) => void socket.write(`${HEAD}G\0`));
  const server = await edge(source.url);
  const head = await play(server.port, '/1.ts', [], 'HEAD');
  expect(head).toMatchObject({ status: 200, headers: { 'content-type': 'video/mp2t' } });
  expect(source.requests).toHaveLength(0);
  const players = [1, 2, 3].map(() => connect(server.port, '127.0.0.1'));
  for (const player of players) player.write('GET /1.ts HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => source.sockets.size === 3, 'three connections');
  for (const player of players) player.destroy();
  await until(() => source.sockets.size === 0, 'all given up');
  expect(await Promise.all(server.viewers.slice(1).map((viewer) => viewer.closed))).toEqual([
    'left',
    'left',
    'left',
  ]);
  await Promise.all([server.close(), source.close()]);
});

describe('what cannot be played is an error, never an empty 200', () => {
  test.each([
    ['404', 'HTTP/1.1 404 Not Found\r\n\r\n', 502, 'UPSTREAM_STATUS'],
    ['403', 'HTTP/1.1 403 Forbidden\r\n\r\n', 502, 'UPSTREAM_STATUS'],
    ['429', 'HTTP/1.1 429 Slow down\r\n\r\n', 502, 'UPSTREAM_STATUS'],
    ['500', 'HTTP/1.1 500 Oops\r\n\r\n', 502, 'UPSTREAM_STATUS'],
    ['no body', HEAD, 502, 'UPSTREAM_NOT_MEDIA'],
    [
      'a page',
      'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Account expired</html>',
      502,
      'UPSTREAM_NOT_MEDIA',
    ],
    ['a page called a stream', `${HEAD}<!DOCTYPE html><html>`, 502, 'UPSTREAM_NOT_MEDIA'],
    [
      'JSON',
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"user_info":{"auth":0}}',
      502,
      'UPSTREAM_NOT_MEDIA',
    ],
    ['a playlist', 'HTTP/1.1 200 OK\r\n\r\n#EXTM3U\n#EXTINF:1,\na.ts\n', 502, 'UPSTREAM_NOT_MEDIA'],
    ['no HTTP', 'hello?\r\n\r\n', 502, 'UPSTREAM_PROTOCOL'],
  ])('%s', async (_what, wire, status, code) => {
    const source = await provider((socket) => void socket.end(wire));
    const server = await edge(source.url);
    const answer = await play(server.port, '/1.ts');
    expect([answer.status, answer.headers['x-code']]).toEqual([status, code]);
    expect(await server.viewers[0]?.closed).toBe('failed');
    expect(server.client.stats().openConnections).toBe(0);
    await Promise.all([server.close(), source.close()]);
  });

  test('silence after the head', async () => {
    const source = await provider((socket) => void socket.write(HEAD));
    const server = await edge(source.url, {
      timeouts: { connectMs: 1_000, firstByteMs: 50, stallMs: 1_000 },
    });
    const answer = await play(server.port, '/1.ts');
    expect([answer.status, answer.headers['x-code']]).toEqual([504, 'UPSTREAM_TIMEOUT']);
    expect(server.client.stats().openConnections).toBe(0);
    await Promise.all([server.close(), source.close()]);
  });

  test('within one deadline, whatever the provider makes of each step', async () => {
    const source = await provider((socket, head, index) => {
      if (index < 5) setTimeout(() => socket.end(`HTTP/1.1 302 F\r\nLocation: /${index}\r\n\r\n`), 300);
      else expect(head).toBe('the sixth answer is never asked for');
    });
    const timeouts = { connectMs: 5_000, firstByteMs: 5_000, stallMs: 5_000, openMs: 1_000 };
    const server = await edge(source.url, { timeouts, failoverUrls: [`${source.url}/spare`] });
    const started = Date.now();
    const answer = await play(server.port, '/1.ts');
    expect([answer.status, answer.headers['x-code']]).toEqual([504, 'UPSTREAM_TIMEOUT']);
    expect(Date.now() - started).toBeLessThan(10_000);
    expect(source.requests.some((head) => head.includes('/spare'))).toBe(true);
    await Promise.all([server.close(), source.close()]);
  });

  test('a provider that is not there', async () => {
    const source = await provider(() => {});
    await source.close();
    const server = await edge(source.url);
    const answer = await play(server.port, '/1.ts');
    expect([answer.status, answer.headers['x-code']]).toEqual([502, 'UPSTREAM_CONNECT_FAILED']);
    await server.close();
  });

  test('but MPEG-TS that calls itself a page is played', async () => {
    const body = Buffer.alloc(188 * 10, 0x47);
    body[3] = 0x10;
    body[4] = 0;
    const source = await provider((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\n\r\n');
      socket.end(body);
    });
    const server = await edge(source.url);
    const answer = await play(server.port, '/live.php?channel=1');
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'video/mp2t' } });
    expect(answer.body.equals(body)).toBe(true);
    await Promise.all([server.close(), source.close()]);
  });

  test('a failover URL is played where the primary cannot be', async () => {
    const broken = await provider((socket) => void socket.end('HTTP/1.1 500 Oops\r\n\r\n'));
    const spare = await provider((socket) => void socket.end(`${HEAD}Gspare`));
    const server = await edge(broken.url, { failoverUrls: [`${spare.url}/2.ts`] });
    const answer = await play(server.port, '/1.ts');
    expect(answer.body.toString()).toBe('Gspare');
    expect(server.viewers[0]?.failoverIndex).toBe(1);
    await Promise.all([server.close(), broken.close(), spare.close()]);
  });
});

test('a provider that falls silent is given up, and the viewer’s connection ends', async () => {
  const source = await provider((socket) => void socket.write(`${HEAD}G\0bc`));
  const server = await edge(source.url, { timeouts: { connectMs: 5_000, firstByteMs: 5_000, stallMs: 80 } });
  const answer = await play(server.port, '/1.ts');
  expect(answer.body.toString()).toBe('G\0bc');
  expect(await server.viewers[0]?.closed).toBe('failed');
  expect(server.viewers[0]?.error?.code).toBe('UPSTREAM_TIMEOUT');
  await Promise.all([server.close(), source.close()]);
});

describe('viewers that do not read', () => {
  /** Pours until the other side takes no more. */
  function pour(socket: Socket): void {
    const piece = Buffer.alloc(256 * 1024, 0x47);
    const more = (): void => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', more);
    more();
  }

  test('hold the provider back, take no memory, and are dropped after a while', async () => {
    let poured: Socket | undefined;
    const source = await provider((socket) => {
      poured = socket;
      socket.write(HEAD);
      pour(socket);
    });
    const server = await edge(source.url, { clientTimeoutMs: 400 });
    const player = connect(server.port, '127.0.0.1');
    player.on('error', () => {});
    player.write('GET /1.ts HTTP/1.1\r\nHost: x\r\n\r\n');
    player.pause();
    await until(() => (server.viewers[0]?.snapshot().lagBytes ?? 0) > 0, 'the viewer is behind');
    const stuckAt = poured?.bytesWritten ?? 0;
    expect(server.viewers[0]?.snapshot().lagBytes).toBeLessThanOrEqual(256 * 1024);
    expect(await server.viewers[0]?.closed).toBe('stuck');
    // What is in flight between the two sockets is bounded by kernel buffers, not by how long the viewer slept.
    expect((poured?.bytesWritten ?? 0) - stuckAt).toBeLessThan(16 * 1024 * 1024);
    await until(() => source.sockets.size === 0, 'the provider is let go');
    player.destroy();
    await Promise.all([server.close(), source.close()]);
  });

  test('a slow one that does take something is kept', async () => {
    const source = await provider((socket) => {
      socket.write(HEAD);
      pour(socket);
    });
    const server = await edge(source.url, { clientTimeoutMs: 1_000 });
    const player = connect(server.port, '127.0.0.1');
    player.write('GET /1.ts HTTP/1.1\r\nHost: x\r\n\r\n');
    let read = 0;
    const reading = setInterval(() => {
      const chunk = player.read(64 * 1024) ?? player.read();
      read += chunk?.length ?? 0;
    }, 1);
    player.pause();
    await once(player, 'readable');
    // More than kernels hold, and for longer than one that takes nothing is kept.
    const since = performance.now();
    await until(
      () => read > 5_000_000 && performance.now() - since > 2_000,
      'the viewer has taken that much',
    );
    clearInterval(reading);
    expect(server.client.stats().openConnections).toBe(1);
    player.destroy();
    expect(await server.viewers[0]?.closed).toBe('left');
    await Promise.all([server.close(), source.close()]);
  });

  test('a quiet source is not the viewer’s fault', async () => {
    const source = await provider((socket) => void socket.write(`${HEAD}G\0`));
    const server = await edge(source.url, { clientTimeoutMs: 60 });
    const player = connect(server.port, '127.0.0.1');
    player.write('GET /1.ts HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(player, 'data');
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(player.closed).toBe(false);
    expect(server.client.stats().openConnections).toBe(1);
    player.destroy();
    expect(await server.viewers[0]?.closed).toBe('left');
    await Promise.all([server.close(), source.close()]);
  });
});

const timersRunning = () => process.getActiveResourcesInfo().filter((what) => what === 'Timeout').length;

test('viewers who leave at any moment leave nothing behind', async () => {
  const timersBefore = timersRunning();
  const source = await provider((socket, _head, index) => {
    const later = (ms: number, run: () => void) => {
      const timer = setTimeout(run, ms);
      socket.on('close', () => clearTimeout(timer));
    };
    later(index % 4 === 0 ? 0 : 15, () => {
      socket.write(index % 3 === 0 ? HEAD : HEAD.slice(0, 20));
      later(10, () => {
        if (index % 3 !== 0) socket.write(HEAD.slice(20));
        const flow = setInterval(() => socket.write(Buffer.alloc(20_000, 0x47)), 1);
        socket.on('close', () => clearInterval(flow));
      });
    });
  });
  const server = await edge(source.url, { paceMs: 30 });
  for (let round = 0; round < 5; round++) {
    const players = Array.from({ length: 20 }, (_, i) => {
      const player = connect(server.port, '127.0.0.1');
      player.on('error', () => {});
      player.write('GET /1.ts HTTP/1.1\r\nHost: x\r\n\r\n');
      setTimeout(() => (i % 2 ? player.destroy() : player.resetAndDestroy()), (i * 53) % 60);
      return once(player, 'close');
    });
    await Promise.all(players);
  }
  await until(() => server.client.stats().openConnections === 0, 'no provider connections');
  const reasons = await Promise.all(server.viewers.map((viewer) => viewer.closed));
  expect(reasons.every((reason) => reason === 'left')).toBe(true);
  expect(reasons.length).toBeGreaterThan(50);
  expect(server.client.stats().heldBytes).toBe(0);
  await until(() => source.sockets.size === 0, 'the provider sees them all go');
  await Promise.all([server.close(), source.close()]);
  await until(() => timersRunning() <= timersBefore, 'no timers are left');
});

test('closing ends both sides, and one still waiting is told why', async () => {
  const source = await provider((socket, head) => {
    if (head.includes('/1.ts')) socket.write(`${HEAD}G\0`);
  });
  const server = await edge(source.url);
  const playing = play(server.port, '/1.ts');
  const waiting = play(server.port, '/2.ts');
  await until(
    () => source.requests.length === 2 && server.viewers.some((v) => v.snapshot().bytes > 0),
    'both asked',
  );
  for (const viewer of server.viewers) {
    viewer.close('kicked');
    viewer.close('shutdown');
  }
  expect((await playing).body.toString()).toBe('G\0');
  expect((await waiting).headers['x-code']).toBe('STREAM_STOPPED');
  expect(await Promise.all(server.viewers.map((viewer) => viewer.closed))).toEqual(['kicked', 'kicked']);
  expect(server.client.stats().openConnections).toBe(0);
  await Promise.all([server.close(), source.close()]);
});
