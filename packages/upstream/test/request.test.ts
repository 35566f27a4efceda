import { requestHead } from '../src/http/request-head.ts';
import { parseTargetUrl, resolveLocation, sharesCredentials } from '../src/http/target-url.ts';
import { HttpUpstreamClient } from '../src/index.ts';
import { collect, TIMEOUTS } from './collect.ts';
import { type WireServer, wireServer } from './wire-server.ts';

describe('target URLs', () => {
  test.each([
    ['http://h/a?x=%2f+b&y=a b', '/a?x=%2f+b&y=a%20b'],
    ["http://h/a?sig=A'|~^`{}==", "/a?sig=A'|~^`{}=="],
    ['http://h', '/'],
    ['http://h?x=1', '/?x=1'],
    ['http://h/a/../b/./c#top', '/a/../b/./c'],
    ['http://h/ü', '/%C3%BC'],
  ])('%s asks for %s', (url, path) => {
    expect(parseTargetUrl(url).path).toBe(path);
  });

  test('userinfo becomes Basic credentials', () => {
    const target = parseTargetUrl('http://us%40er:p%C3%A4ss@h:8080/x');
    expect(target.authorization).toBe(`Basic ${Buffer.from('us@er:päss').toString('base64')}`);
    expect(target.hostHeader).toBe('h:8080');
  });

  test('IPv6 hosts keep their brackets only in the Host header', () => {
    const target = parseTargetUrl('https://[::1]:8443/x');
    expect(target).toMatchObject({ hostname: '::1', port: 8443, hostHeader: '[::1]:8443', secure: true });
  });

  test.each(['file:///etc/passwd', 'ftp://h/x', '/x', 'http://', 'http://a b/'])('%s is refused', (url) => {
    expect(() => parseTargetUrl(url)).toThrow(expect.objectContaining({ code: 'UPSTREAM_PROTOCOL' }));
  });

  test.each([
    ['https://other/x?a=%20', 'https://other/x?a=%20'],
    ['//other/x', 'http://other/x'],
    ['/x?q=1', 'http://u:p@h:81/x?q=1'],
    ['c.ts?s=%2f', 'http://u:p@h:81/a/c.ts?s=%2f'],
    ['../c', 'http://u:p@h:81/c'],
    ['?only', 'http://u:p@h:81/a/b?only'],
  ])('Location %s leads to %s', (location, expected) => {
    expect(resolveLocation(location, parseTargetUrl('http://u:p@h:81/a/b?old')).href).toBe(expected);
  });

  test.each(['\\/%00/h', '\u0001\\/%00/', '\\\\a b/', 'http://[::1', '//%zz/'])(
    'a redirect to %j is no address',
    (location) => {
      expect(() => resolveLocation(location, parseTargetUrl('http://h/a'))).toThrow(
        expect.objectContaining({ code: 'UPSTREAM_PROTOCOL' }),
      );
    },
  );

  test('a redirect to another scheme is refused', () => {
    const base = parseTargetUrl('http://h/');
    expect(() => resolveLocation('rtmp://h/x', base)).toThrow(
      expect.objectContaining({ code: 'UPSTREAM_PROTOCOL' }),
    );
  });

  test.each([
    ['http://h/a', 'http://h/b', true],
    ['http://h/a', 'https://h/a', true],
    ['https://h/a', 'http://h/a', false],
    ['http://h/a', 'http://h:81/a', false],
    ['http://h/a', 'http://g/a', false],
  ])('credentials go from %s to %s: %s', (from, to, expected) => {
    expect(sharesCredentials(parseTargetUrl(from), parseTargetUrl(to))).toBe(expected);
  });
});

describe('request heads', () => {
  const target = parseTargetUrl('http://h/x');

  test('carry the stream’s headers, and not those of the connection', () => {
    const head = requestHead(
      {
        url: '',
        headers: { Referer: 'r', connection: 'keep-alive', Range: 'bytes=5-', accept: 'video/*' },
        range: 'bytes=0-',
      },
      target,
      true,
    );
    expect(head.split('\r\n')).toEqual([
      'GET /x HTTP/1.1',
      'Host: h',
      'User-Agent: Streampool/0.1',
      'accept: video/*',
      'Accept-Encoding: identity',
      'Referer: r',
      'Range: bytes=0-',
      'Connection: close',
      '',
      '',
    ]);
  });

  test('a header that would smuggle another one is refused', () => {
    expect(() => requestHead({ url: '', headers: { a: 'b\r\nc: d' } }, target, true)).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
  });
});

describe('redirects', () => {
  let first: WireServer;
  let second: WireServer;
  const client = new HttpUpstreamClient();

  beforeAll(async () => {
    second = await wireServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nmedia'));
    first = await wireServer((socket, head) => {
      const path = head.split(' ')[1] ?? '';
      const n = Number(path.slice(2));
      if (path === '/away') socket.end(`HTTP/1.1 302 F\r\nLocation: ${second.url}/b?t=%2F\r\n\r\n`);
      else if (path === '/same')
        socket.end('HTTP/1.1 307 F\r\nlocation: /end\r\ncontent-length: 3\r\n\r\nabc');
      else if (path === '/circle') socket.end('HTTP/1.1 301 F\r\nlocation: /circle\r\n\r\n');
      else if (path === '/nowhere') socket.end('HTTP/1.1 302 F\r\ncontent-length: 0\r\n\r\n');
      else if (n > 0) socket.end(`HTTP/1.1 302 F\r\nlocation: /n${n - 1}\r\n\r\n`);
      else socket.end('HTTP/1.1 200 OK\r\n\r\nhere');
    });
  });
  afterAll(() => Promise.all([first.close(), second.close()]));

  const secrets = { Authorization: 'Bearer s', Cookie: 'c=1', Referer: 'r' };

  test('to another host leave credentials behind and keep the rest', async () => {
    const response = await client.open({ url: `${first.url}/away`, headers: secrets }, TIMEOUTS);
    expect(response.url).toBe(`${second.url}/b?t=%2F`);
    expect((await collect(response)).body.toString()).toBe('media');
    const head = second.requests.at(-1) ?? '';
    expect(head).toContain('GET /b?t=%2F HTTP/1.1\r\n');
    expect(head).toContain('Referer: r\r\n');
    expect(head).not.toMatch(/authorization|cookie/i);
  });

  test('on the same host keep credentials', async () => {
    const response = await client.open({ url: `${first.url}/same`, headers: secrets }, TIMEOUTS);
    await collect(response);
    expect(first.requests.at(-1)).toContain('Authorization: Bearer s\r\n');
  });

  test('in a circle are refused', async () => {
    await expect(client.open({ url: `${first.url}/circle`, headers: {} }, TIMEOUTS)).rejects.toMatchObject({
      code: 'UPSTREAM_REDIRECT_LOOP',
    });
    expect(client.stats().openConnections).toBe(0);
  });

  test('ten are followed, eleven are not', async () => {
    const ten = await client.open({ url: `${first.url}/n10`, headers: {} }, TIMEOUTS);
    expect(ten.status).toBe(200);
    ten.close();
    await expect(client.open({ url: `${first.url}/n11`, headers: {} }, TIMEOUTS)).rejects.toMatchObject({
      code: 'UPSTREAM_REDIRECT_LOOP',
    });
  });

  test('without a Location are an answer like any other', async () => {
    const response = await client.open({ url: `${first.url}/nowhere`, headers: {} }, TIMEOUTS);
    expect(response.status).toBe(302);
    response.close();
  });
});
