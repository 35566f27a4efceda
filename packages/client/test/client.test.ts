import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type StreampoolProcess, startStreampool } from '@streampool/testkit';
import { createClient } from '../src/index.ts';

const TOKEN = 'token-of-the-client-test';

let server: StreampoolProcess;
beforeAll(async () => {
  server = await startStreampool({ env: { API_TOKEN: TOKEN } });
});
afterAll(() => server.stop());

test('its types are those of the API as the server describes it (scripts/generate-client makes them)', async () => {
  const description = await (await fetch(`${server.url}/openapi.json`)).text();
  const [line] = readFileSync(new URL('../src/schema.ts', import.meta.url), 'utf8').split('\n');
  expect(line).toContain(createHash('sha256').update(description).digest('hex'));
});

test('a stream is made, found and deleted', async () => {
  const client = createClient({ url: `${server.url}/`, token: TOKEN });
  const made = await client.POST('/streams', {
    body: { url: 'http://provider.example/live.ts', metadata: { channel: 'one' } },
  });
  const id = made.data?.stream_id ?? '';
  expect(made.response.status).toBe(200);
  const path = { params: { path: { id } } };
  expect((await client.GET('/streams/{id}', path)).data).toMatchObject({ stream: { stream_id: id } });
  expect((await client.DELETE('/streams/{id}', path)).response.status).toBe(200);
  const gone = await client.GET('/streams/{id}', path);
  expect(gone.data).toBeUndefined();
  expect(gone.error).toMatchObject({ code: 'STREAM_NOT_FOUND' });
});

test('a wrong token is an error with a code', async () => {
  const client = createClient({ url: server.url, token: 'another' });
  expect((await client.GET('/streams')).error).toMatchObject({ code: 'TOKEN_WRONG' });
});
