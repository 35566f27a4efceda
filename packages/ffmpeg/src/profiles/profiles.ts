import { type EncoderFamily, encodeVideo, type VideoCodec } from './video-encoders.ts';

/** What `GET /transcode/profiles` shows. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  /** Arguments with `{variable|default}` in them, as software encoding has them; see `resolveTranscode`. */
  readonly template: string;
}

interface VideoSettings {
  readonly codec: VideoCodec;
  /** Tallest picture that is put out; smaller sources stay as they are. */
  readonly maxHeight?: number;
  readonly crf: number;
  /** The most it may use, in kbit/s. */
  readonly kbps: number;
  /** How much time the encoder may take: `instant` holds no picture back, `patient` some ten. */
  readonly pace: 'fastest' | 'instant' | 'patient';
}

interface ProfileSettings {
  readonly name: string;
  readonly description: string;
  readonly video?: VideoSettings;
  readonly audioKbps: number;
  /** Absent: as many channels as the source has. */
  readonly channels?: 2;
  readonly mux?: string;
}

const PROFILES: readonly ProfileSettings[] = [
  {
    name: 'default',
    description: 'H.264 and stereo AAC at the size of the source: plays everywhere',
    video: { codec: 'h264', crf: 23, kbps: 4000, pace: 'instant' },
    audioKbps: 128,
    channels: 2,
  },
  {
    name: 'hq',
    description:
      'H.264 with more bits and a slower encoder, all sound channels: better picture, starts 0.5 s later',
    video: { codec: 'h264', crf: 19, kbps: 10000, pace: 'patient' },
    audioKbps: 192,
  },
  {
    name: 'lowlatency',
    description: 'H.264 with the least delay between source and viewer',
    video: { codec: 'h264', crf: 25, kbps: 4000, pace: 'fastest' },
    audioKbps: 96,
    channels: 2,
    mux: '-muxdelay 0 -pes_payload_size 0',
  },
  {
    name: '720p',
    description: 'H.264, at most 720 lines',
    video: { codec: 'h264', maxHeight: 720, crf: 23, kbps: 3000, pace: 'instant' },
    audioKbps: 128,
    channels: 2,
  },
  {
    name: '1080p',
    description: 'H.264, at most 1080 lines',
    video: { codec: 'h264', maxHeight: 1080, crf: 22, kbps: 6000, pace: 'instant' },
    audioKbps: 160,
    channels: 2,
  },
  {
    name: 'hevc',
    description: 'HEVC (H.265): half the bits of H.264 for players that know it',
    video: { codec: 'hevc', crf: 26, kbps: 3000, pace: 'instant' },
    audioKbps: 128,
    channels: 2,
  },
  { name: 'audio', description: 'The sound alone, AAC', audioKbps: 128, channels: 2 },
  {
    name: 'low_quality',
    description: 'H.264, at most 360 lines: for slow connections',
    video: { codec: 'h264', maxHeight: 360, crf: 28, kbps: 800, pace: 'instant' },
    audioKbps: 64,
    channels: 2,
  },
];

export function listProfiles(): readonly Profile[] {
  return PROFILES.map((settings) => ({
    name: settings.name,
    description: settings.description,
    template: template(settings, 'software'),
  }));
}

/** The template of a named profile for a family of encoders that works here; undefined if there is no such profile. */
export function profileTemplate(name: string, hardware: readonly string[]): string | undefined {
  const settings = PROFILES.find((known) => known.name === name);
  return settings && template(settings, familyFor(settings.video, hardware));
}

/** In the order in which they are taken where several work: least work for the processor first. */
const FAMILIES: readonly EncoderFamily[] = ['nvenc', 'qsv', 'vaapi', 'videotoolbox'];

function familyFor(video: VideoSettings | undefined, hardware: readonly string[]): EncoderFamily {
  return FAMILIES.find((family) => video && hardware.includes(`${video.codec}_${family}`)) ?? 'software';
}

/**
 * One line of FFmpeg's arguments. Sound tracks whose parameters are unknown after probing (`:u`) are left out: a track
 * that is announced but never sent would keep the output from starting at all.
 */
function template(settings: ProfileSettings, family: EncoderFamily): string {
  const { video, audioKbps, channels, mux } = settings;
  const encoder = video && encodeVideo(video, family);
  return [
    encoder?.device,
    '-i {input_url}',
    video && '-map 0:v:0?',
    '-map 0:a:u?',
    video ? '-map 0:s? -c:s copy' : '-vn',
    encoder?.encode,
    // Fills the gaps of a lossy source with silence, so that sound and picture stay together.
    `-af aresample=async=1000 -c:a aac -b:a {audio_bitrate|${audioKbps}k}${channels ? ` -ac ${channels}` : ''}`,
    mux,
    '-f {format|mpegts} {output_args|pipe:1}',
  ]
    .filter(Boolean)
    .join(' ');
}
