/** What a media playlist says, read without the code that wrote it. */
export interface ReadPlaylist {
  readonly text: string;
  readonly target: number;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly segments: {
    uri: string;
    duration: number;
    discontinuity: boolean;
    date: number;
    parts: { uri: string; duration: number; independent: boolean }[];
  }[];
  /** Of the segment that is not complete. */
  readonly parts: { uri: string; duration: number; independent: boolean }[];
  readonly ended: boolean;
}

export function readPlaylist(text: string): ReadPlaylist {
  const tag = (name: string): string | undefined => new RegExp(`^#${name}:(.*)$`, 'm').exec(text)?.[1];
  const segments: ReadPlaylist['segments'] = [];
  let next = fresh();
  for (const line of text.split('\n')) {
    if (line === '#EXT-X-DISCONTINUITY') next.discontinuity = true;
    else if (line.startsWith('#EXT-X-PROGRAM-DATE-TIME:')) next.date = Date.parse(line.slice(25));
    else if (line.startsWith('#EXTINF:')) next.duration = Number(line.slice(8).split(',')[0]);
    else if (line.startsWith('#EXT-X-PART:')) next.parts.push(part(line));
    else if (line !== '' && !line.startsWith('#')) {
      segments.push({ ...next, uri: line });
      next = fresh();
    }
  }
  return {
    text,
    target: Number(tag('EXT-X-TARGETDURATION')),
    mediaSequence: Number(tag('EXT-X-MEDIA-SEQUENCE')),
    discontinuitySequence: Number(tag('EXT-X-DISCONTINUITY-SEQUENCE') ?? 0),
    segments,
    parts: next.parts,
    ended: text.includes('#EXT-X-ENDLIST'),
  };
}

function fresh(): ReadPlaylist['segments'][number] {
  return { uri: '', duration: 0, discontinuity: false, date: Number.NaN, parts: [] };
}

function part(line: string): ReadPlaylist['parts'][number] {
  return {
    uri: /URI="([^"]*)"/.exec(line)?.[1] ?? '',
    duration: Number(/DURATION=([\d.]+)/.exec(line)?.[1]),
    independent: line.includes('INDEPENDENT=YES'),
  };
}
