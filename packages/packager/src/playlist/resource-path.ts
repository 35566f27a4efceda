/** Where a segment is, or a part of one, below the stream's folder. */
export type Resource =
  | { readonly kind: 'playlist' }
  | { readonly kind: 'segment'; readonly mediaSequence: number }
  | { readonly kind: 'part'; readonly mediaSequence: number; readonly part: number };

const MEDIA = /^segment\/(\d{1,15})(?:\.(\d{1,6}))?\.ts$/;

export function segmentPath(mediaSequence: number): string {
  return `segment/${mediaSequence}.ts`;
}

export function partPath(mediaSequence: number, part: number): string {
  return `segment/${mediaSequence}.${part}.ts`;
}

/** Undefined: there is no such thing. */
export function resourceAt(path: string): Resource | undefined {
  if (path === 'playlist.m3u8') return { kind: 'playlist' };
  const [, mediaSequence, part] = MEDIA.exec(path) ?? [];
  if (mediaSequence === undefined) return undefined;
  return part === undefined
    ? { kind: 'segment', mediaSequence: Number(mediaSequence) }
    : { kind: 'part', mediaSequence: Number(mediaSequence), part: Number(part) };
}
