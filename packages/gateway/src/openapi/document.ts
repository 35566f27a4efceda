import { ERRORS, type ErrorCode } from '@streampool/errors';
import { z } from 'zod';
import { type Access, type Route, scopeOf } from '../http/route.ts';
import { errorAnswer } from '../schemas/stream-responses.ts';

type Json = Record<string, unknown>;

/** The order they are shown in; what routes have beside these comes behind. */
const TAGS = [
  'Streams',
  'Watching',
  'Broadcast',
  'Clients',
  'Sessions',
  'Users',
  'Providers',
  'Events',
  'Webhooks',
  'Server',
];
const TOKENS = [{ tokenHeader: [] }, { tokenBearer: [] }, { tokenQuery: [] }];
/** Viewers may need a token (VIEWER_ACCESS=token): OpenAPI writes "or none" as an empty one. */
const SECURITY: Readonly<Record<Access, readonly Json[]>> = {
  token: TOKENS,
  viewer: [{}, ...TOKENS],
  public: [],
};
const ANY_ROUTE: readonly ErrorCode[] = ['INTERNAL'];
const WITH_TOKEN: readonly ErrorCode[] = ['TOKEN_MISSING', 'TOKEN_WRONG', 'SCOPE_MISSING', 'RATE_LIMITED'];
/** Paths are decoded before anything else: `%ff` is no text. */
const WITH_PARAMS: readonly ErrorCode[] = ['INVALID_REQUEST'];
const WITH_INPUT: readonly ErrorCode[] = ['VALIDATION_FAILED'];
const WITH_BODY: readonly ErrorCode[] = ['INVALID_REQUEST', 'BODY_TOO_LARGE'];

/** The OpenAPI 3.1 description of the routes, made from the schemas that validate them. */
export function openApiDocument(
  routes: readonly Route[],
  options: { version: string; rootPath: string },
): Json {
  const schemas = new SchemaCollection();
  schemas.of(errorAnswer, 'output');
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: operation(route, schemas) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Streampool',
      version: options.version,
      description: 'Streaming proxy and shared FFmpeg for IPTV. Speaks the API of m3u-proxy.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: options.rootPath || '/' }],
    tags: [...new Set([...TAGS, ...routes.map(({ tag }) => tag)])].map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.named,
      securitySchemes: {
        tokenHeader: { type: 'apiKey', in: 'header', name: 'X-API-Token' },
        tokenBearer: { type: 'http', scheme: 'bearer' },
        tokenQuery: { type: 'apiKey', in: 'query', name: 'api_token' },
      },
    },
  };
}

function operation(route: Route, schemas: SchemaCollection): Json {
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    ...(route.access === 'token' && { 'x-token-scope': scopeOf(route) }),
    tags: [route.tag],
    security: SECURITY[route.access],
    parameters: [...parameters(route.params, 'path', schemas), ...parameters(route.query, 'query', schemas)],
    ...(route.body && {
      requestBody: {
        required: !route.body.safeParse(undefined).success,
        content: { 'application/json': { schema: schemas.of(route.body, 'input') } },
      },
    }),
    responses: { ...successes(route, schemas), ...failures(route) },
  };
}

function operationId({ method, path }: Route): string {
  const words = path.split(/[^a-zA-Z0-9]+/).filter(Boolean);
  return [method, ...words]
    .map((word, at) => (at === 0 ? word : word[0]!.toUpperCase() + word.slice(1)))
    .join('');
}

function parameters(
  schema: z.ZodType | undefined,
  location: 'path' | 'query',
  schemas: SchemaCollection,
): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = schemas.of(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: location,
    required: location === 'path' || required.includes(name),
    ...(description !== undefined && { description }),
    schema: property,
  }));
}

function successes(route: Route, schemas: SchemaCollection): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, { description, schema, contentType }]) => {
      const type = contentType ?? (schema ? 'application/json' : undefined);
      const body = schema ? { schema: schemas.of(schema, 'output') } : {};
      const hasBody = type !== undefined && route.method !== 'head';
      return [status, { description, ...(hasBody && { content: { [type]: body } }) }];
    }),
  );
}

function failures(route: Route): Record<string, Json> {
  const codes: readonly ErrorCode[] = [
    ...(route.access === 'token' ? WITH_TOKEN : []),
    ...(route.params ? WITH_PARAMS : []),
    ...(route.params || route.query || route.body ? WITH_INPUT : []),
    ...(route.body || route.queryInBody ? WITH_BODY : []),
    ...(route.errors ?? []),
    ...ANY_ROUTE,
  ];
  const byStatus = new Map<number, string[]>();
  for (const code of new Set(codes)) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      String(status),
      {
        description: names.join(', '),
        ...(route.method !== 'head' && {
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        }),
      },
    ]),
  );
}

/** JSON Schema 2020-12, which OpenAPI 3.1 uses as it is; schemas with a name are kept once and referred to. */
class SchemaCollection {
  readonly named: Record<string, Json> = {};

  /** `input` is what a caller sends, before defaults and conversions. */
  of(schema: z.ZodType, io: 'input' | 'output'): Json {
    const text = JSON.stringify(z.toJSONSchema(schema, { io, reused: 'inline' }));
    const { $schema, $defs, ...json } = JSON.parse(
      text.replaceAll('"#/$defs/', '"#/components/schemas/'),
    ) as Json & { $defs?: Record<string, Json> };
    for (const [name, definition] of Object.entries($defs ?? {})) this.named[name] = withoutId(definition);
    if (typeof json.id !== 'string') return json;
    this.named[json.id] = withoutId(json);
    return { $ref: `#/components/schemas/${json.id}` };
  }
}

function withoutId({ id, ...json }: Json): Json {
  return json;
}
