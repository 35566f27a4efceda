import { randomBytes } from 'node:crypto';
import type { StreampoolError } from '@streampool/errors';
import { Door, HttpUpstreamClient } from '../src/index.ts';
import { TIMEOUTS, until } from './collect.ts';
import { wireServer } from './wire-server.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n';

const doors: Door[] = [];
afterAll(() => Promise.all(doors.map((door) => door.close())));

async function openDoor(timeouts: Partial<{ firstByteMs: number; stallMs: number }> = {}) {
  const client = new HttpUpstreamClient();
  const door = await Door.listen({
    client,
    timeouts: { connectMs: 5_000, firstByteMs: 5_000, stallMs: 5_000, ...timeouts },
  });
  doors.push(door);
  return { client, door };
}

const target = (url: string, headers: Record<string, string> = {}) => ({
  url,
  headers,
  userAgent: 'Player/1',
});

describe('a target behind the door', () => {
  test('a continuous stream, with what the provider wants to be told', async () => {
    const body = randomBytes(2_000_000);
    const source = await wireServer((socket) => {
      socket.write(HEAD);
      socket.end(body);
    });
    const { door } = await openDoor();
    const opened: unknown[] = [];
    const opening = door.open(target(`${source.url}/live?x=%2F`, { Referer: 'r' }), {
      onOpened: (info) => opened.push(info),
    });
    expect(source.requests).toHaveLength(0);
    const response = await fetch(opening.url, { headers: { Range: 'bytes=0-' } });
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
    expect(source.requests[0]).toMatch(/^GET \/live\?x=%2F HTTP/);
    expect(source.requests[0]).toMatch(/^User-Agent: Player\/1\r\n/m);
    expect(source.requests[0]).toMatch(/^Referer: r\r\n/m);
    expect(source.requests[0]).not.toMatch(/^range/im);
    expect(opened).toEqual([{ status: 200, contentType: 'video/mp2t', url: `${source.url}/live?x=%2F` }]);
    await until(() => opening.stats.openConnections === 0, 'the connection is closed');
    expect(opening.stats).toEqual({ requests: 1, openConnections: 0, bytes: body.length });
    await Promise.all([door.close(), source.close()]);
  });

  test('a file, by ranges, and across a break of the provider', async () => {
    const body = randomBytes(500_000);
    const source = await wireServer((socket, head, index) => {
      const [, from, to] = /^range: bytes=(\d+)-(\d*)/im.exec(head) ?? [];
      const first = Number(from ?? 0);
      const last = to ? Number(to) : body.length - 1;
      const range = from === undefined ? '' : `Content-Range: bytes ${first}-${last}/${body.length}\r\n`;
      socket.write(
        `HTTP/1.1 ${from === undefined ? 200 : 206} OK\r\n${range}Content-Length: ${last - first + 1}\r\nContent-Type: video/mp4\r\n\r\n`,
      );
      socket.end(body.subarray(first, index === 1 ? first + 100_000 : last + 1));
    });
    const { door } = await openDoor();
    const opening = door.open(target(`${source.url}/a.mp4`));
    expect(opening.url).toMatch(/\.mp4$/);
    const head = await fetch(opening.url, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe('500000');
    const part = await fetch(opening.url, { headers: { Range: 'bytes=1000-' } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe('bytes 1000-499999/500000');
    expect(Buffer.from(await part.arrayBuffer()).equals(body.subarray(1000))).toBe(true);
    expect(source.requests).toHaveLength(3);
    await Promise.all([door.close(), source.close()]);
  });

  test.each<[string, string, number, string, number | undefined]>([
    ['a status', 'HTTP/1.1 404 No\r\n\r\n', 404, 'UPSTREAM_STATUS', 404],
    [
      'a page',
      'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>no</html>',
      502,
      'UPSTREAM_NOT_MEDIA',
      undefined,
    ],
    ['no body', HEAD, 502, 'UPSTREAM_NOT_MEDIA', undefined],
    ['no HTTP', 'nonsense\r\n\r\n', 502, 'UPSTREAM_PROTOCOL', undefined],
  ])('%s instead of media is reported', async (_what, wire, status, code, upstreamStatus) => {
    const source = await wireServer((socket) => void socket.end(wire));
    const { door, client } = await openDoor();
    const errors: StreampoolError[] = [];
    const opening = door.open(target(source.url), { onError: (error) => errors.push(error) });
    const response = await fetch(opening.url);
    expect(response.status).toBe(status);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code, info: { role: 'entry' } });
    expect(errors[0]?.info.upstreamStatus).toBe(upstreamStatus);
    expect(client.stats().openConnections).toBe(0);
    await Promise.all([door.close(), source.close()]);
  });

  test('silence is reported, before the body and in it', async () => {
    const source = await wireServer((socket, head) => {
      socket.write(head.includes('/dead') ? HEAD : `${HEAD}G\0ab`);
    });
    const errors: string[] = [];
    const handlers = { onError: (error: StreampoolError) => errors.push(error.code) };
    // Each has one short timeout: a machine that is busy for a moment must not be taken for the other silence.
    const before = await openDoor({ firstByteMs: 50 });
    const dead = await fetch(before.door.open(target(`${source.url}/dead`), handlers).url);
    expect(dead.status).toBe(504);
    const within = await openDoor({ stallMs: 80 });
    const stalled = await fetch(within.door.open(target(`${source.url}/stall`), handlers).url);
    expect(await stalled.text()).toBe('G\0ab');
    expect(errors).toEqual(['UPSTREAM_TIMEOUT', 'UPSTREAM_TIMEOUT']);
    for (const { client, door } of [before, within]) {
      await until(() => client.stats().openConnections === 0, 'the connections are given up');
      await door.close();
    }
    await source.close();
  });

  test('a slow reader holds the provider back', async () => {
    let sent = 0;
    const source = await wireServer((socket) => {
      socket.write(HEAD);
      const piece = Buffer.alloc(256 * 1024);
      const more = (): void => {
        while (!socket.destroyed && sent < 500_000_000 && socket.write(piece)) sent += piece.length;
      };
      socket.on('drain', more);
      more();
    });
    const { door } = await openDoor();
    const opening = door.open(target(source.url));
    const reader = (await fetch(opening.url)).body?.getReader();
    await reader?.read();
    let before = -1;
    await until(() => {
      const stuck = sent === before;
      before = sent;
      return stuck;
    }, 'the provider is held back');
    expect(sent).toBeLessThan(100_000_000);
    await opening.close();
    await until(() => source.sockets.size === 0, 'the provider is let go');
    await Promise.all([door.close(), source.close()]);
  });

  test('closing the opening ends its connections, whatever they are at, and its URL', async () => {
    const source = await wireServer((socket, head) => {
      if (head.includes('/body')) socket.write(`${HEAD}G\0ab`);
      if (head.includes('/start')) socket.write(HEAD);
    });
    const { door, client } = await openDoor();
    const errors: unknown[] = [];
    const openings = ['/head', '/start', '/body'].map((path) =>
      door.open(target(source.url + path), { onError: (error) => errors.push(error) }),
    );
    const ends = openings.map(({ url }) =>
      fetch(url)
        .then((response) => response.text())
        .catch(() => 'broken'),
    );
    await until(() => source.sockets.size === 3, 'all are open');
    await Promise.all(openings.map((opening) => opening.close()));
    expect(client.stats().openConnections).toBe(0);
    expect((await Promise.all(ends)).slice(0, 2)).toEqual(['broken', 'broken']);
    expect(errors).toEqual([]);
    expect((await fetch(openings[0]!.url)).status).toBe(404);
    expect(door.openings).toBe(0);
    await Promise.all([door.close(), source.close()]);
  });

  test('a reader that leaves ends the provider’s connection, whatever it is at', async () => {
    const source = await wireServer((socket, head) => {
      if (head.includes('/body')) socket.write(`${HEAD}G\0ab`);
      if (head.includes('/start')) socket.write(HEAD);
    });
    const { door, client } = await openDoor();
    for (const path of ['/head', '/start', '/body']) {
      const leave = new AbortController();
      const opening = door.open(target(source.url + path));
      const reading = fetch(opening.url, { signal: leave.signal }).then((response) => response.text());
      await until(() => source.sockets.size === 1, 'it is open');
      leave.abort();
      await expect(reading).rejects.toThrow();
      await until(() => client.stats().openConnections === 0, 'the connection is given up');
      await until(() => opening.stats.openConnections === 0, 'the request is over');
      await until(() => source.sockets.size === 0, 'the provider sees it go');
    }
    await Promise.all([door.close(), source.close()]);
  });
});

describe('the door', () => {
  test('shows nothing without the token, and takes only GET and HEAD', async () => {
    const { door } = await openDoor();
    const opening = door.open(target('http://127.0.0.1:1/'));
    const origin = new URL(opening.url).origin;
    for (const path of ['/', '/x/stream', '/../etc/passwd', `${new URL(opening.url).pathname}/../../x`]) {
      expect((await fetch(origin + path)).status).toBe(404);
    }
    expect((await fetch(opening.url, { method: 'POST' })).status).toBe(405);
    await door.close();
  });

  test('cannot be its own target, not by redirect either', async () => {
    const { door, client } = await openDoor();
    const feed = door.openFeed();
    const source = await wireServer((socket) =>
      socket.end(`HTTP/1.1 302 F\r\nLocation: ${feed.url}\r\n\r\n`),
    );
    for (const url of [feed.url, feed.url.replace('127.0.0.1', 'localhost'), source.url]) {
      await expect(client.open({ url, headers: {} }, TIMEOUTS)).rejects.toMatchObject({
        code: 'UPSTREAM_ADDRESS_FORBIDDEN',
      });
    }
    await Promise.all([door.close(), source.close()]);
  });

  test('closes while readers are there, and again', async () => {
    const { door, client } = await openDoor();
    const source = await wireServer((socket) => socket.write(`${HEAD}G\0ab`));
    const reading = fetch(door.open(target(source.url)).url).then((response) => response.text());
    await until(() => source.sockets.size === 1, 'it is open');
    await door.close();
    await door.close();
    expect(await reading).toBe('G\0ab');
    expect(client.stats().openConnections).toBe(0);
    await source.close();
  });
});

describe('a feed', () => {
  test('gives a late reader what was pushed, then what is pushed, then the end', async () => {
    const { door } = await openDoor();
    const feed = door.openFeed();
    expect(feed.write(Buffer.from('early '))).toBe(true);
    expect(feed.bufferedBytes).toBe(6);
    const response = await fetch(feed.url);
    expect(response.headers.get('content-type')).toBe('video/mp2t');
    const reading = response.text();
    expect(feed.write(Buffer.from('late '))).toBe(true);
    feed.end();
    expect(feed.write(Buffer.from('too late'))).toBe(false);
    expect(await reading).toBe('early late ');
    await door.close();
  });

  test('has one reader', async () => {
    const { door } = await openDoor();
    const feed = door.openFeed();
    feed.write(Buffer.from('x'));
    const first = await fetch(feed.url);
    expect((await fetch(feed.url)).status).toBe(410);
    expect((await fetch(feed.url, { method: 'HEAD' })).status).toBe(200);
    feed.end();
    expect(await first.text()).toBe('x');
    await door.close();
  });

  test('refuses what its budget does not hold, and says when there is room', async () => {
    const { door } = await openDoor();
    const states: string[] = [];
    let rooms = 0;
    const feed = door.openFeed({
      budgetBytes: 1_000_000,
      onRoom: () => {
        rooms++;
      },
      onReader: (state) => states.push(state),
    });
    const piece = Buffer.alloc(300_000, 1);
    const push = () => {
      let taken = 0;
      while (taken < 10_000 && feed.write(piece)) taken++;
      return taken;
    };
    expect(push()).toBe(3);
    expect(feed.bufferedBytes).toBe(900_000);
    const reader = (await fetch(feed.url)).body?.getReader();
    await until(() => rooms > 0, 'the kernel took it');
    // A reader that does not read: the kernel's buffers fill, then the feed's.
    let pushed = 3;
    await until(() => {
      const more = push();
      pushed += more;
      return more === 0 && feed.bufferedBytes > 500_000;
    }, 'the budget is used up');
    expect(feed.bufferedBytes).toBeLessThanOrEqual(1_000_000);
    const before = rooms;
    let read = 0;
    while (read < pushed * piece.length)
      read += (await reader?.read())?.value?.length ?? Number.POSITIVE_INFINITY;
    expect(read).toBe(pushed * piece.length);
    await until(() => rooms > before, 'there is room again');
    await reader?.cancel();
    await until(() => states.includes('left'), 'the reader left');
    expect(states).toEqual(['attached', 'left']);
    expect(feed.write(piece)).toBe(false);
    await door.close();
  });
});
