/** What `GET /transcode/profiles` shows. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  /** Arguments with `{variable|default}` in them; see `resolveTranscode`. */
  readonly template: string;
}

const MAPS = '-map 0:v:0? -map 0:a? -ignore_unknown';

const PROFILES: readonly Profile[] = [
  {
    name: 'default',
    description: 'H.264 and AAC at the size of the source: plays everywhere',
    template: `-i {input_url} ${MAPS} -c:v libx264 -preset veryfast -tune zerolatency -crf {crf|23} -maxrate {video_bitrate|4000k} -bufsize {video_bitrate|4000k} -pix_fmt yuv420p -c:a aac -b:a {audio_bitrate|128k} -f {format|mpegts} {output_args|pipe:1}`,
  },
];

export function listProfiles(): readonly Profile[] {
  return PROFILES;
}

export function findProfile(name: string): Profile | undefined {
  return PROFILES.find((profile) => profile.name === name);
}
