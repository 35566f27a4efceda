import { Validator } from '@seriousme/openapi-schema-validator';
import { openApiDocument } from '../src/openapi/document.ts';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

test('the document is valid OpenAPI 3.1 and describes every operation', async () => {
  const it = await GatewayUnderTest.start({ rootPath: '/proxy' });
  const document = await json(it.get('/openapi.json'));
  const validator = new Validator();
  expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
  expect(document.servers).toEqual([{ url: '/proxy' }]);
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining([
      '/streams',
      '/transcode',
      '/stream/{id}',
      '/streams/{id}',
      '/streams/by-metadata',
      '/streams/oldest-by-metadata',
      '/stats/performance',
      '/clients/{id}',
      '/test-connection',
      '/metrics',
      '/readyz',
    ]),
  );
  const ids = Object.values(
    document.paths as Record<string, Record<string, { operationId: string }>>,
  ).flatMap((path) => Object.values(path).map((operation) => operation.operationId));
  expect(new Set(ids).size).toBe(ids.length);
});

test('what it says of a request is what is validated', async () => {
  const it = await GatewayUnderTest.start();
  const document = await json(it.get('/openapi.json'));
  const { post } = document.paths['/streams'];
  const { $ref } = post.requestBody.content['application/json'].schema;
  expect($ref).toBe('#/components/schemas/CreateStream');
  const schema = document.components.schemas.CreateStream;
  expect(schema.required).toEqual(['url']);
  expect(Object.keys(schema.properties)).toEqual(
    expect.arrayContaining(['url', 'failover_urls', 'headers', 'metadata', 'shared', 'silence_threshold_db']),
  );
  expect(post.responses['422'].description).toBe('VALIDATION_FAILED');
  expect(post.requestBody.required).toBe(true);
  const failover = document.paths['/streams/{id}/failover'].post;
  expect(failover.requestBody.required).toBe(false);
  expect(document.paths['/streams/{id}'].get.responses['400'].description).toBe('INVALID_REQUEST');
  expect(post.security).toHaveLength(3);
  expect(document.paths['/healthz'].get.security).toEqual([]);
  const [field] = document.paths['/streams/by-metadata'].get.parameters;
  expect(field).toMatchObject({ name: 'field', in: 'query', required: true });
});

test('it says what players may ask for, and that they may need a token', async () => {
  const it = await GatewayUnderTest.start();
  const { paths } = await json(it.get('/openapi.json'));
  const names = (path: string): string[] =>
    paths[path].get.parameters
      .filter((each: { in: string }) => each.in === 'query')
      .map(({ name }: { name: string }) => name);
  const viewer = ['client_id', 'username', 'user', 'u', 'expires', 'signature', 'bound'];
  expect(names('/stream/{id}')).toEqual(viewer);
  expect(names('/hls/{id}/playlist.m3u8')).toEqual([
    ...viewer,
    'll',
    'from',
    '_HLS_msn',
    '_HLS_part',
    '_HLS_skip',
  ]);
  expect(paths['/stream/{id}'].get.security).toHaveLength(4);
});

test('operations under a tag that no list knows are on the page, too', () => {
  const route = {
    method: 'get',
    path: '/new',
    access: 'public',
    tag: 'New',
    summary: 'New',
    answers: {},
  } as const;
  expect(openApiDocument([route], { version: '1', rootPath: '' }).tags).toContainEqual({ name: 'New' });
});

test('the page shows every path and loads nothing', async () => {
  const it = await GatewayUnderTest.start();
  const response = await it.get('/docs');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  const page = await response.text();
  const document = await json(it.get('/openapi.json'));
  for (const path of Object.keys(document.paths)) expect(page).toContain(`<code>${path}</code>`);
  expect(page).not.toMatch(/<script|https?:\/\//);
});
