export type * from './delivery.ts';
export { isPlaylist } from './is-playlist.ts';
export { type RewriteOptions, rewritePlaylist, type UriRole } from './rewrite-playlist.ts';
