import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { closeAll, GatewayUnderTest } from './gateway-under-test.ts';

afterEach(closeAll);

/** As it came: `fetch` would unpack it. */
function raw(url: string, encoding: string): Promise<{ encoding: string | undefined; body: Buffer }> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { 'accept-encoding': encoding }, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ encoding: response.headers['content-encoding'], body: Buffer.concat(chunks) }),
      );
    })
      .on('error', reject)
      .end();
  });
}

test('lists come compressed for those who want it, small answers and streams as they are', async () => {
  const it = await GatewayUnderTest.start();
  let id = '';
  for (let n = 0; n < 40; n += 1)
    id = await it.define({ url: `http://h/${n}.ts`, metadata: { channel: `${n}` } });
  const plain = await raw(`${it.url}/streams`, 'identity');
  expect([plain.encoding, JSON.parse(`${plain.body}`).total]).toEqual([undefined, 40]);
  const packed = await raw(`${it.url}/streams`, 'gzip');
  expect(packed.encoding).toBe('gzip');
  expect(JSON.parse(`${gunzipSync(packed.body)}`)).toEqual(JSON.parse(`${plain.body}`));
  expect(packed.body.length).toBeLessThan(plain.body.length / 5);
  expect((await raw(`${it.url}/metrics`, 'gzip')).encoding).toBe('gzip');
  expect((await raw(`${it.url}/healthz`, 'gzip')).encoding).toBeUndefined();
  expect(await raw(`${it.url}/stream/${id}`, 'gzip')).toEqual({
    encoding: undefined,
    body: Buffer.from('media'),
  });
});
