import type { paths } from '@streampool/client';

type Method = 'get' | 'post' | 'put' | 'delete';

/** An operation of the API as its description has it. */
type Operation<P extends keyof paths, M extends Method> = Exclude<paths[P][M], undefined>;

/** The paths, with placeholders such as `{id}`, that have the method. */
export type PathWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends { [K in M]: { responses: unknown } } ? P : never;
}[keyof paths];

/** What the API answers with 200. */
export type AnswerTo<M extends Method, P extends keyof paths> =
  Operation<P, M> extends { responses: { 200: { content: { 'application/json': infer T } } } } ? T : never;

type Parameters<M extends Method, P extends keyof paths, Where extends 'path' | 'query'> =
  Operation<P, M> extends { parameters: { [K in Where]?: infer T } } ? T : never;

type Body<M extends Method, P extends keyof paths> =
  Operation<P, M> extends { requestBody?: { content: { 'application/json': infer T } } } ? T : never;

/** What may be said with a question: parameters, a body, and for how long to wait, ms. */
export interface QuestionOf<M extends Method, P extends keyof paths> {
  /** In place of the placeholders. */
  readonly path?: Parameters<M, P, 'path'>;
  readonly query?: Parameters<M, P, 'query'>;
  readonly body?: Body<M, P>;
  readonly timeoutMs?: number;
}
