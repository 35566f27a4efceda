import { HttpUpstreamClient } from '@streampool/upstream';
import { NextUrlResolver } from '../../src/choice/resolver.ts';
import { DirectSources } from '../../src/direct/index.ts';
import { edge, type Provider, play, provider } from './wire.ts';

const PACKET = Buffer.alloc(188 * 8);
for (let at = 0; at < PACKET.length; at += 188) PACKET.set([0x47, 0x1f, 0xff, 0x10], at);

/** Answers each path of a provider: media, or a status. */
async function paths(statuses: Readonly<Record<string, number>>): Promise<Provider> {
  return provider((socket, head) => {
    const status = statuses[head.split(' ')[1] ?? ''] ?? 404;
    const media = status === 200 ? PACKET : Buffer.alloc(0);
    socket.write(`HTTP/1.1 ${status} X\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n`);
    socket.end(media);
  });
}

/** Somebody who names these URLs, one after another, and then none. */
async function resolver(names: readonly string[]): Promise<Provider & { readonly asked: object[] }> {
  const asked: object[] = [];
  const server = await provider((socket, head, index) => {
    asked.push(JSON.parse(head.split('\r\n\r\n')[1] || '{}'));
    const body = JSON.stringify({ next_url: names[index] ?? null });
    socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  });
  return Object.assign(server, { asked });
}

function sources(first: string, asked: Provider): DirectSources {
  const client = new HttpUpstreamClient();
  const named = new NextUrlResolver({ client, url: `${asked.url}/next`, metadata: { id: '7' } });
  return new DirectSources({ target: { url: first, headers: {} }, failoverUrls: [] }, named);
}

test('who is refused by the only URL is given what the resolver names, until one plays', async () => {
  const media = await paths({ '/a.ts': 404, '/b.ts': 403, '/c.ts': 200 });
  const asked = await resolver([`${media.url}/b.ts`, `${media.url}/c.ts`]);
  const server = await edge(media.url, { sources: sources(`${media.url}/a.ts`, asked) });
  const answer = await play(server.port, '/a.ts');
  expect(answer.status).toBe(200);
  expect(answer.body.length).toBeGreaterThan(0);
  expect(asked.asked).toEqual([
    expect.objectContaining({
      current_url: `${media.url}/a.ts`,
      current_failover_index: 0,
      status_code: 404,
    }),
    expect.objectContaining({
      current_url: `${media.url}/b.ts`,
      current_failover_index: 1,
      status_code: 403,
    }),
  ]);
  expect(asked.asked[0]).toMatchObject({ metadata: { id: '7' } });
  await server.close();
});

test('where it names none, the viewer learns of the first URL’s reason', async () => {
  const media = await paths({ '/a.ts': 404 });
  const asked = await resolver([]);
  const server = await edge(media.url, { sources: sources(`${media.url}/a.ts`, asked) });
  expect((await play(server.port, '/a.ts')).status).toBe(502);
  expect(asked.asked).toHaveLength(1);
  await server.close();
});

test('a resolver that takes all the time there is is not asked again, and what it names is not tried', async () => {
  const media = await paths({ '/a.ts': 404, '/b.ts': 403 });
  let asked = 0;
  const slow: Pick<DirectSources, 'configured' | 'urlOf' | 'next' | 'hasResolver'> = {
    ...{ configured: 1, hasResolver: true },
    urlOf: (index) => `${media.url}/${index === 0 ? 'a' : 'b'}.ts`,
    next: async () => {
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return asked;
    },
  };
  const timeouts = { connectMs: 5_000, firstByteMs: 5_000, stallMs: 5_000, openMs: 250 };
  const server = await edge(media.url, { sources: slow as DirectSources, timeouts });
  expect((await play(server.port, '/a.ts')).status).toBeGreaterThanOrEqual(502);
  expect(asked).toBe(1);
  expect(media.requests.filter((head) => head.includes('/b.ts'))).toEqual([]);
  await server.close();
});

test('viewers who lose the same source at the same time ask once', async () => {
  const asked = await resolver(['http://127.0.0.1:9/next.ts']);
  const shared = sources('http://127.0.0.1:9/a.ts', asked);
  expect(await Promise.all([1, 2, 3].map(() => shared.next({ index: 0 })))).toEqual([1, 1, 1]);
  expect(asked.asked).toHaveLength(1);
  expect(shared.namedUrl(1)).toBe('http://127.0.0.1:9/next.ts');
  expect(shared.namedUrl(0)).toBeUndefined();
  // It is what is lost now: an answer that has just failed is not believed.
  expect(await shared.next({ index: 1 })).toBeUndefined();
});
