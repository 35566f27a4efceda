import { StreampoolError } from '@streampool/errors';
import { FakeProvider, makeSample, run } from '@streampool/testkit';
import {
  type ConnectionSlots,
  Door,
  HttpUpstreamClient,
  ResumableResponse,
  type Slot,
} from '../src/index.ts';

/** One connection at a time, to whatever has "limited" in its URL. */
class OneSlot implements ConnectionSlots {
  inUse = 0;
  taken: string[] = [];

  acquire({ url }: { readonly url: string }): Promise<Slot> | undefined {
    if (!url.includes('limited')) return undefined;
    return this.#take(url);
  }

  async #take(url: string): Promise<Slot> {
    if (this.inUse > 0) throw new StreampoolError('PROVIDER_LIMIT', 'all in use');
    this.inUse += 1;
    this.taken.push(new URL(url).pathname);
    let isReleased = false;
    return {
      release: () => {
        if (!isReleased) this.inUse -= 1;
        isReleased = true;
      },
    };
  }
}

let provider: FakeProvider;
let slots: OneSlot;
let client: HttpUpstreamClient;
const timeouts = { connectMs: 2_000, firstByteMs: 2_000 };

beforeEach(async () => {
  provider = await FakeProvider.start();
  slots = new OneSlot();
  client = new HttpUpstreamClient({ slots });
});
afterEach(() => provider.close());

function open(path: string) {
  return client.open({ url: provider.url(path), headers: {} }, { timeouts });
}

test('a connection counts from before it is opened until its socket is closed', async () => {
  provider.live('/limited.ts', await makeSample({ seconds: 4 }));
  const response = await open('/limited.ts');
  expect(slots.inUse).toBe(1);
  await expect(open('/limited.ts')).rejects.toMatchObject({ code: 'PROVIDER_LIMIT' });
  expect(provider.stats('/limited.ts').total).toBe(1);
  response.close();
  expect(slots.inUse).toBe(1);
  await response.closed;
  expect(slots.inUse).toBe(0);
  provider.route('/free.ts', (exchange) => exchange.reply(200, 'free'));
  const free = await open('/free.ts');
  expect(slots.taken).toEqual(['/limited.ts']);
  free.close();
});

test('a redirect counts for the provider that was asked, and what cannot be opened counts no more', async () => {
  provider.redirect('/limited', provider.url('/limited/2'));
  provider.redirect('/limited/2', provider.url('/elsewhere'));
  provider.route('/elsewhere', (exchange) => exchange.reply(200, 'there'));
  const response = await open('/limited');
  expect([slots.inUse, slots.taken]).toEqual([1, ['/limited']]);
  response.close();
  await response.closed;
  provider.fault('/limited', { kind: 'reset' }, { times: 1 });
  await expect(open('/limited')).rejects.toMatchObject({ code: 'UPSTREAM_CUT' });
  provider.fault('/limited', { kind: 'no-head' });
  const late = client.open(
    { url: provider.url('/limited'), headers: {} },
    { timeouts: { ...timeouts, firstByteMs: 50 } },
  );
  await expect(late).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
  expect(slots.inUse).toBe(0);
});

test('a file that is continued after a break gives its slot back and takes one again', async () => {
  const sample = await makeSample({ seconds: 4 });
  provider.file('/limited.ts', sample.path);
  provider.fault('/limited.ts', { kind: 'cut', afterBytes: 100_000, how: 'rst' }, { times: 1 });
  const request = { url: provider.url('/limited.ts'), headers: {} };
  const response = await ResumableResponse.open(client, request, { timeouts });
  const error = await new Promise((resolve) => response.start({ data: () => {}, end: resolve }));
  await response.closed;
  expect(error).toBeUndefined();
  expect([slots.inUse, slots.taken.length, provider.stats('/limited.ts').max]).toEqual([0, 2, 1]);
});

test('FFmpeg that seeks through the door is one customer, with one connection at a time', async () => {
  const film = await makeSample({ container: 'mp4', seconds: 4, extra: ['-movflags', '0'] });
  provider.file('/limited.mp4', film.path);
  const door = await Door.listen({ client, timeouts: { ...timeouts, stallMs: 2_000 } });
  const opening = door.open({ url: provider.url('/limited.mp4'), headers: {} });
  const args = ['-v', 'error', '-ss', '2', '-i', opening.url, '-f', 'null', '-'];
  expect(await run('ffmpeg', args)).toMatchObject({ code: 0, stderr: '' });
  expect(opening.stats.requests).toBeGreaterThan(1);
  expect(provider.stats('/limited.mp4').max).toBe(1);
  expect([slots.inUse, slots.taken]).toEqual([1, ['/limited.mp4']]);
  await opening.close();
  expect(slots.inUse).toBe(0);
  await door.close();
});

test('who reads through the door while there is no slot is told so, and may ask again', async () => {
  provider.file('/limited.ts', (await makeSample({ seconds: 4 })).path);
  const errors: string[] = [];
  const door = await Door.listen({ client, timeouts: { ...timeouts, stallMs: 2_000 } });
  const opening = door.open(
    { url: provider.url('/limited.ts'), headers: {} },
    { onError: ({ code }) => errors.push(code) },
  );
  slots.inUse = 1;
  expect((await fetch(opening.url)).status).toBe(503);
  expect(errors).toEqual(['PROVIDER_LIMIT']);
  slots.inUse = 0;
  const body = await (await fetch(opening.url)).arrayBuffer();
  expect(body.byteLength).toBeGreaterThan(100_000);
  await opening.close();
  expect(slots.inUse).toBe(0);
  await door.close();
});
