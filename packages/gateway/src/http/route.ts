import { type ErrorCode, StreampoolError } from '@streampool/errors';
import express, { type Request, type Response, type Router } from 'express';
import type { z } from 'zod';
import type { Scope } from '../access/api-tokens.ts';
import { contextOf, type RequestContext } from './request-context.ts';
import { type Problem, problemsOf, RequestProblem } from './request-problem.ts';

export type Method = 'get' | 'post' | 'put' | 'delete' | 'head';

/** Who may call: whoever has a token with the scope, a viewer with a signed URL where signing is on, or anybody. */
export type Access = 'token' | 'viewer' | 'public';

export interface Answer {
  readonly description: string;
  /** Of a JSON body; absent where the answer has none, or another type. */
  readonly schema?: z.ZodType;
  readonly contentType?: string;
}

export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly req: Request;
  readonly res: Response;
  readonly context: RequestContext;
}

type OutputOf<T extends z.ZodType | undefined> = T extends z.ZodType ? z.output<T> : undefined;

interface RouteText {
  readonly method: Method;
  /** With parameters as OpenAPI writes them: `/streams/{id}`. */
  readonly path: string;
  readonly access: Access;
  /** What a token must be good for. By default `read` for GET and HEAD, `manage` for everything else. */
  readonly scope?: Scope;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Catalogue codes it may answer with, beside those that every route may. */
  readonly errors?: readonly ErrorCode[];
  /** Parameters may come in a JSON body too, where the query does not have them. */
  readonly queryInBody?: boolean;
  /** Asked so often and so regularly that a line for each would only fill the log. */
  readonly quiet?: boolean;
  /** The answer goes on until somebody leaves: how long it took and how large it was says nothing. */
  readonly endless?: boolean;
}

/** One operation of the API: what it takes and gives is said once, for validation and for the documentation. */
export interface Route extends RouteText {
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Absent where something in front of the application serves it. */
  handle?(call: Call<never, never, never>): unknown;
}

/** Ties the handler's types to the schemas. The handler answers with what becomes the JSON body, or by itself and gives undefined. */
export function route<
  Params extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(
  definition: RouteText & {
    readonly params?: Params;
    readonly query?: Query;
    readonly body?: Body;
    handle?(call: Call<OutputOf<Params>, OutputOf<Query>, OutputOf<Body>>): unknown;
  },
): Route {
  return definition as Route;
}

export interface MountOptions {
  /** Rejects where a request may not use routes for holders of a token with that scope. */
  readonly authorize: (req: Request, res: Response, scope: Scope) => Promise<void>;
  readonly bodyLimitBytes: number;
}

/** Puts the routes on a router, each path with an answer for the methods it does not have. */
export function mountRoutes(router: Router, routes: readonly Route[], options: MountOptions): void {
  const serve = handlerMaker(options);
  const paths = new Map<string, Route[]>();
  for (const entry of routes) {
    const same = paths.get(entry.path);
    if (same) same.push(entry);
    else paths.set(entry.path, [entry]);
  }
  // Fixed paths first: `/streams/by-metadata` is not a stream called "by-metadata".
  const ordered = [...paths].sort(([a], [b]) => Number(a.includes('{')) - Number(b.includes('{')));
  for (const [path, entries] of ordered) {
    const mounted = router.route(expressPath(path));
    for (const entry of entries) if (entry.handle) mounted[entry.method](serve(entry, entry.handle));
    mounted.all(methodNotAllowed(entries));
  }
}

function expressPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

function handlerMaker({ authorize, bodyLimitBytes }: MountOptions) {
  const parseJson = express.json({ limit: bodyLimitBytes });
  /** After the token was checked: strangers make nobody parse a megabyte. */
  const readBody = (req: Request, res: Response): Promise<void> =>
    new Promise((resolve, reject) => {
      parseJson(req, res, (error?: unknown) => (error === undefined ? resolve() : reject(error)));
    });

  return (entry: Route, handle: NonNullable<Route['handle']>) =>
    async (req: Request, res: Response): Promise<void> => {
      res.locals.route = entry;
      if (entry.access === 'token') await authorize(req, res, scopeOf(entry));
      if (entry.body || entry.queryInBody) await readBody(req, res);
      const answer = await handle(parseCall(entry, req, res) as Call<never, never, never>);
      if (answer !== undefined) res.json(answer);
    };
}

export function scopeOf({ scope, method }: Pick<Route, 'scope' | 'method'>): Scope {
  return scope ?? (method === 'get' || method === 'head' ? 'read' : 'manage');
}

/** @throws RequestProblem with everything that is wrong, wherever it is */
function parseCall(entry: Route, req: Request, res: Response): Call<unknown, unknown, unknown> {
  const problems: Problem[] = [];
  const parse = (schema: z.ZodType | undefined, value: unknown, location: string): unknown => {
    const result = schema?.safeParse(value);
    if (result?.success === false) problems.push(...problemsOf(result.error, location));
    return result?.data;
  };
  const call = {
    params: parse(entry.params, req.params, 'path'),
    query: parse(
      entry.query,
      entry.queryInBody ? { ...scalars(req.body), ...req.query } : req.query,
      'query',
    ),
    body: parse(entry.body, isEmptyList(req.body) ? undefined : req.body, 'body'),
    req,
    res,
    context: contextOf(res),
  };
  if (problems.length > 0) throw new RequestProblem(problems);
  return call;
}

/** What PHP's clients send in the place of no body: their arrays and their objects are one. No body of ours is a list. */
function isEmptyList(body: unknown): boolean {
  return Array.isArray(body) && body.length === 0;
}

/** Scalars of a JSON body as a query string would carry them. */
function scalars(body: unknown): Record<string, string> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return {};
  return Object.fromEntries(
    Object.entries(body)
      .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
      .map(([name, value]) => [name, String(value)]),
  );
}

function methodNotAllowed(entries: readonly Route[]) {
  const methods = new Set(entries.map((entry) => entry.method.toUpperCase()));
  if (methods.has('GET')) methods.add('HEAD');
  methods.add('OPTIONS');
  const allow = [...methods].join(', ');
  return (req: Request, res: Response): void => {
    res.setHeader('Allow', allow);
    if (req.method === 'OPTIONS') {
      res.status(204).end();
      return;
    }
    throw new StreampoolError('METHOD_NOT_ALLOWED', `${req.method} is not possible here; ${allow} are`);
  };
}

/** The route a response belongs to, once one was found. */
export function routeOf(res: Response): Route | undefined {
  return res.locals.route as Route | undefined;
}
