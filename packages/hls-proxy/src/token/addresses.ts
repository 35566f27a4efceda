import { StreampoolError } from '@streampool/errors';
import type { NestedPlaylist, UriRole } from '@streampool/hls';
import { extensionOf } from '@streampool/upstream';
import { type BodyResource, kindOf, type PlaylistResource } from './resource.ts';
import { TokenCodec } from './token-codec.ts';

/** The stream's own URL. */
export const ENTRY_PATH = 'playlist.m3u8';

/** Where players of segments look at names: what is not among these is taken for something else by one of them. */
const KNOWN_EXTENSIONS = new Set(
  'ts mts m2ts mp4 m4s m4v m4a m4f cmfv cmfa cmft mp3 aac ac3 ec3 eac3 vtt webvtt srt key bin json jpg png'.split(
    ' ',
  ),
);

const BY_ROLE: Partial<Record<UriRole, string>> = {
  ...{ key: 'key', map: 'mp4', 'session-data': 'json', 'asset-list': 'json' },
};

/** What a path below the stream's folder asks for. */
export type Asked = { readonly kind: 'entry' } | PlaylistResource | BodyResource;

/** What a playlist's URIs become: opaque paths below the stream's folder, and back. */
export class Addresses {
  readonly #codec: TokenCodec;

  constructor(secret: string, streamId: string) {
    this.#codec = new TokenCodec(secret, streamId);
  }

  playlistPath(resource: PlaylistResource): string {
    return `variant/${this.#codec.seal(resource)}.m3u8`;
  }

  /** Of anything but a playlist. */
  bodyPath({ url, from }: { readonly url: string; readonly from?: string }, role: UriRole): string {
    const kind = kindOf(role);
    if (kind === 'playlist') throw new TypeError('a playlist has a path of its own');
    const extension = extensionOf(url);
    const shown = KNOWN_EXTENSIONS.has(extension) ? extension : (BY_ROLE[role] ?? 'ts');
    return `segment/${this.#codec.seal({ kind, url, ...(from !== undefined && { from }) })}.${shown}`;
  }

  /** What a URI of ours in a playlist leads to, if that is media. @throws StreampoolError as {@link Addresses.resolve} */
  mediaAt(uri: string): BodyResource | undefined {
    const resource = this.resolve(uri.replace(/^(?:\.\.\/)+/, ''));
    return resource.kind === 'media' ? resource : undefined;
  }

  /** @throws StreampoolError NOT_FOUND, HLS_TOKEN_INVALID */
  resolve(path: string): Asked {
    if (path === ENTRY_PATH) return { kind: 'entry' };
    const [, folder, token = ''] = /^(variant|segment)\/([\w-]+)\.[a-z0-9]{1,6}$/i.exec(path) ?? [];
    if (folder === 'variant') return this.#codec.open('variant', token);
    if (folder === 'segment') return this.#codec.open('segment', token);
    throw new StreampoolError('NOT_FOUND', 'the stream has no such resource');
  }
}

/** Leads from a playlist at this path to the stream's folder. */
export function folderFrom(path: string): string {
  return '../'.repeat(path.split('/').length - 1);
}

/** Where a URL was named, if that is another host than its own. */
export function namedBy(url: string, baseUrl: string): { readonly from?: string } {
  const origin = /^https?:\/\/(?:[^/?#]*@)?([^/?#]*)/i;
  const host = origin.exec(baseUrl)?.[1];
  return host === undefined || host === origin.exec(url)?.[1] ? {} : { from: `http://${host}/` };
}

/** A playlist that is played in between, as what came from `baseUrl` names it. The same whichever source plays. */
export function assetAt(url: string, baseUrl: string): PlaylistResource {
  const place = { role: 'asset', place: 0, bandwidth: 0 } as const;
  return { kind: 'playlist', url, ...namedBy(url, baseUrl), source: 0, place };
}

/** Without what differs from source to source. */
export function placeOf({
  role,
  type,
  place,
  bandwidth,
  name,
  language,
}: NestedPlaylist): PlaylistResource['place'] {
  return {
    ...{ role, place, bandwidth },
    ...(type !== undefined && { type }),
    ...(name !== undefined && { name }),
    ...(language !== undefined && { language }),
  };
}
