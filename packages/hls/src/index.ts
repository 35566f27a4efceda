export { decodePlaylist } from './decode-playlist.ts';
export type * from './delivery.ts';
export { isPlaylist } from './is-playlist.ts';
export type * from './media-playlist/media-playlist.ts';
export { PLAYLIST_TYPE, writeHead, writeSegment, writeTail } from './media-playlist/write-media-playlist.ts';
export {
  isMultivariant,
  type ReadPlaylist,
  type ReadSegment,
  readMediaPlaylist,
} from './reading/read-media-playlist.ts';
export { type NestedPlaylist, type ReadMultivariant, readMultivariant } from './reading/read-multivariant.ts';
export { rewriteAssetList } from './rewrite-asset-list.ts';
export { type RewriteOptions, rewritePlaylist, type UriRole } from './rewrite-playlist.ts';
