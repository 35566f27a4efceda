/**
 * What FFmpeg's reader of playlists takes for addresses, written after its behaviour (lines end at CR, LF and NUL, and after 4,095
 * bytes; values may have escapes and end at spaces; anything before `=` is a name): what no rewriting may leave there.
 */
export function addressesFfmpegSees(playlist: Buffer): string[] {
  const seen: string[] = [];
  for (const line of lines(playlist)) {
    if (line.startsWith('#')) {
      const list = /^#EXT-X-(?:KEY|MAP|MEDIA|SESSION-KEY|I-FRAME-STREAM-INF):(.*)$/s.exec(line)?.[1];
      if (list !== undefined) seen.push(...uris(list));
    } else if (line !== '') seen.push(line);
  }
  return seen.filter((uri) => uri !== '');
}

function lines(playlist: Buffer): string[] {
  return playlist
    .toString('latin1')
    .split(/\r\n|[\r\n\0]/)
    .map((line) => line.slice(0, 4_095).replace(/[ \t\n\v\f\r]+$/, ''));
}

function uris(list: string): string[] {
  const found: string[] = [];
  let at = 0;
  while (at < list.length) {
    while (at < list.length && /[\s,]/.test(list[at]!)) at++;
    const equals = list.indexOf('=', at);
    if (at >= list.length || equals < 0) break;
    const name = list.slice(at, equals);
    at = equals + 1;
    let value = '';
    if (list[at] === '"') {
      for (at++; at < list.length && list[at] !== '"'; at++) {
        if (list[at] === '\\') at++;
        value += list[at] ?? '';
      }
      at++;
    } else {
      for (; at < list.length && !/[ \t\n\v\f\r,]/.test(list[at]!); at++) value += list[at];
    }
    if (name === 'URI') found.push(value);
  }
  return found;
}
