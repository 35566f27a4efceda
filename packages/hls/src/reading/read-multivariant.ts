import { parseAttributes } from '../attribute-list.ts';
import type { UriRole } from '../rewrite-playlist.ts';
import { resolveUri, schemeOf } from '../uri-reference.ts';
import { PlaylistVariables } from '../variables.ts';

/** A playlist that a multivariant playlist names (RFC 8216 §4.3.4), with what tells it from its like. */
export interface NestedPlaylist {
  /** Absolute, as the playlist meant it. */
  readonly url: string;
  readonly role: Extract<UriRole, 'playlist' | 'rendition' | 'iframe'>;
  /** Of a rendition: AUDIO, VIDEO, SUBTITLES. */
  readonly type?: string;
  /** Its place among those of the same role and type, from 0. */
  readonly place: number;
  /** Bits per second; 0 where it does not say. */
  readonly bandwidth: number;
  readonly name?: string;
  readonly language?: string;
  /** Of a variant: its sound comes from a group of renditions, which may have playlists of their own. */
  readonly audioGroup?: string;
}

export interface ReadMultivariant {
  readonly playlists: readonly NestedPlaylist[];
  /** What its media playlists may import (EXT-X-DEFINE). */
  readonly variables: Readonly<Record<string, string>>;
}

/** Reads which playlists a multivariant playlist leads to. `baseUrl`: where it came from. What is no http(s) URL is left out. */
export function readMultivariant(text: string, baseUrl: string): ReadMultivariant {
  const variables = new PlaylistVariables(baseUrl);
  const playlists: NestedPlaylist[] = [];
  let variant: ReadonlyMap<string, string> | undefined;
  const add = (
    role: NestedPlaylist['role'],
    uri: string | undefined,
    attributes: ReadonlyMap<string, string>,
  ): void => {
    if (!uri) return;
    const url = resolveUri(variables.substitute(uri), baseUrl);
    if (!/^https?$/.test(schemeOf(url) ?? '')) return;
    const type = role === 'rendition' ? attributes.get('TYPE') : undefined;
    const place = playlists.filter((other) => other.role === role && other.type === type).length;
    const name = attributes.get('NAME');
    const language = attributes.get('LANGUAGE');
    const audioGroup = role === 'playlist' ? attributes.get('AUDIO') : undefined;
    playlists.push({
      ...{ url, role, place, bandwidth: Number(attributes.get('BANDWIDTH')) || 0 },
      ...(type !== undefined && { type }),
      ...(name !== undefined && { name }),
      ...(language !== undefined && { language }),
      ...(audioGroup !== undefined && { audioGroup }),
    });
  };
  for (const raw of text.split(/[\r\n]+/)) {
    const line = raw.trim();
    if (line === '') continue;
    if (!line.startsWith('#')) {
      add('playlist', line, variant ?? new Map());
      variant = undefined;
      continue;
    }
    const [, tag, list = ''] = /^#(EXT[A-Z0-9-]*):(.*)$/s.exec(line) ?? [];
    if (tag === 'EXT-X-DEFINE') variables.define(list);
    else if (tag === 'EXT-X-STREAM-INF') variant = parseAttributes(list);
    else if (tag === 'EXT-X-MEDIA' || tag === 'EXT-X-I-FRAME-STREAM-INF') {
      const attributes = parseAttributes(list);
      add(tag === 'EXT-X-MEDIA' ? 'rendition' : 'iframe', attributes.get('URI'), attributes);
    }
  }
  return { playlists, variables: variables.values };
}
