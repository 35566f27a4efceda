export { AddressGuard, type AddressPolicy } from './address-guard.ts';
export { HttpUpstreamClient, type HttpUpstreamClientOptions } from './client.ts';
export { DEFAULT_USER_AGENT } from './http/request-head.ts';
export type {
  BodySink,
  RetainedChunk,
  UpstreamClient,
  UpstreamRequest,
  UpstreamResponse,
  UpstreamStats,
  UpstreamTarget,
  UpstreamTimeouts,
} from './types.ts';
