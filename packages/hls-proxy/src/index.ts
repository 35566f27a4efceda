export { HlsCache, type HlsCacheOptions } from './cache/hls-cache.ts';
export { HlsProxy } from './hls-proxy.ts';
export type * from './options.ts';
