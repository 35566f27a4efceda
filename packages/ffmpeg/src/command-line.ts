import { StreampoolError } from '@streampool/errors';

/** Stands for the input's URL in resolved arguments: the URL of the loopback door is known only when FFmpeg starts. */
export const INPUT_PLACEHOLDER = '{input_url}';

/**
 * What FFmpeg may open while it reads its input: the loopback door, and AES-128 (`crypto`), by which its reader of playlists
 * decrypts segments. Nothing in a playlist may name a protocol; the door sees to that. No files, no other sockets.
 */
export const INPUT_PROTOCOLS = 'http,tcp,crypto';

/**
 * What FFmpeg may take its input for: media, subtitles, and playlists as the door rewrites them. Left out are all that open
 * further addresses by themselves (concat, dash, imf, sdp, rtsp, vobsub, image2, …), and those that tell no format from noise.
 */
export const INPUT_FORMATS =
  `mpegts,hls,mov,matroska,webm,flv,live_flv,kux,mpeg,mpegvideo,avi,asf,asf_o,ogg,mp3,aac,ac3,eac3,ac4,
dts,dtshd,truehd,mlp,loas,latm,flac,wav,w64,aiff,au,caf,amr,ape,wv,tta,tak,opus,spdif,h264,hevc,vvc,evc,av1,obu,ivf,m4v,vc1,dirac,
dv,gxf,mxf,nut,nuv,rm,wtv,pva,pmp,ty,mjpeg,mpjpeg,yuv4mpegpipe,webvtt,srt,ass,ttml`.replaceAll('\n', '');

/** What is known of the input when FFmpeg starts: a continuous MPEG transport stream, or anything else (a file, a playlist). */
export type InputKind = 'mpegts' | 'other';

/**
 * Told what it is, FFmpeg need not look; and it may stop probing as soon as every stream of the program map is known,
 * where it otherwise reads on to the end of `-analyzeduration` (measured: 0.4 s instead of 1.2 s to the first picture).
 * Both are errors for an input of another kind.
 */
const TRANSPORT_STREAM = ['-f', 'mpegts', '-scan_all_pmts', '0'];

/** Subtitles of transport streams (DVB, teletext) go into one; those of films and playlists are text, which cannot. */
const SUBTITLE_MAP = '0:s?';

/**
 * The resolved arguments with the input's URL put in its place and the protocols limited.
 * @param args as `resolveTranscode` gives them
 * @param inputUrl an http URL of the loopback door
 */
export function commandLine(args: readonly string[], inputUrl: string, kind: InputKind = 'other'): string[] {
  const place = args.findIndex((arg, index) => arg === INPUT_PLACEHOLDER && args[index - 1] === '-i') - 1;
  if (place < 0)
    throw new StreampoolError('TEMPLATE_INVALID', `no '-i ${INPUT_PLACEHOLDER}' in the arguments`);
  const before = args.slice(0, place);
  const after = args.slice(place + 2);
  return [
    // First, so that an option of the template's own, being later, wins.
    ...(kind === 'mpegts' ? TRANSPORT_STREAM : []),
    ...before,
    '-protocol_whitelist',
    INPUT_PROTOCOLS,
    '-format_whitelist',
    INPUT_FORMATS,
    '-i',
    inputUrl,
    ...(kind === 'mpegts' ? after : withoutSubtitles(after)),
  ];
}

function withoutSubtitles(args: readonly string[]): string[] {
  return args.filter(
    (arg, at) =>
      !(arg === SUBTITLE_MAP && args[at - 1] === '-map') &&
      !(arg === '-map' && args[at + 1] === SUBTITLE_MAP),
  );
}
