export { AddressGuard, type AddressJudge, type AddressPolicy, type UpstreamAccess } from './address-guard.ts';
export { HttpUpstreamClient, type HttpUpstreamClientOptions } from './client.ts';
export type * from './connection-slots.ts';
export { Door, type DoorOptions, type Opening } from './door/door.ts';
export type { FeedOptions } from './door/feed.ts';
export type { DoorHandlers, DoorStats, DoorTimeouts } from './door/target-opening.ts';
export type * from './fetch/fetcher-api.ts';
export { extensionOf, mediaTypeOf } from './media/media-type.ts';
export { canJudge, mediaRefusal, statusRefusal } from './media/refusal.ts';
export { type ResourceKind, resourceKind } from './media/resource-kind.ts';
export { BufferPool, ownChunk, PooledChunk } from './socket/buffer-pool.ts';
export { guardedLookup } from './socket/guarded-lookup.ts';
export { resetSocket } from './socket/reset-socket.ts';
export { openBareBody } from './transfer/bare-body.ts';
export { type ContentRange, parseContentRange } from './transfer/content-range.ts';
export { type PeekedBody, type PeekOptions, peekBody } from './transfer/peek.ts';
export {
  DEFAULT_RESUME_POLICY,
  type ResumableOptions,
  ResumableResponse,
  type ResumePolicy,
} from './transfer/resumable-response.ts';
export { SocketPump } from './transfer/socket-pump.ts';
export type {
  BodySink,
  PageResolver,
  ResolverChoice,
  ResolverName,
  RetainedChunk,
  StartOptions,
  UpstreamClient,
  UpstreamRequest,
  UpstreamResponse,
  UpstreamStats,
  UpstreamTarget,
  UpstreamTimeouts,
} from './types.ts';
