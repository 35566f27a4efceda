import { makeSample, type Sample } from '../../fixtures/sample.ts';
import type { FakeProvider } from '../fake-provider.ts';
import { Fmp4Media, makeFragments } from './fmp4-media.ts';
import type { HlsChannel } from './hls-channel.ts';

/** A query as providers sign it: decoding and encoding it again would change it. */
export const ODD_QUERY = 'token=a%2Fb+c~d%7e%7E&empty=&e=%E9%e9&x=1;2';

export interface HlsKindMedia {
  /** Transport stream: 6 s with a keyframe every second. */
  readonly sample: Sample;
  /** Sound alone, as long. */
  readonly sound: Sample;
  /** Fragmented MP4 in segments of 2 s with 5 parts each. */
  readonly fmp4: Fmp4Media;
}

export async function makeHlsKindMedia(): Promise<HlsKindMedia> {
  return {
    sample: await makeSample({ seconds: 6, gopSeconds: 1 }),
    sound: await makeSample({ codec: 'audio', seconds: 6, extra: ['-pes_payload_size', '0'] }),
    fmp4: new Fmp4Media(await makeFragments({ seconds: 6 }), 2),
  };
}

/** A stream to be created, and what its provider counts by. */
export interface OpenedHlsKind {
  readonly create: 'streams' | 'transcode';
  readonly body: Readonly<Record<string, unknown>>;
  readonly channels: readonly HlsChannel[];
}

export interface HlsKind {
  readonly name: string;
  readonly lowLatency: boolean;
  /** What hls.js must find in the entry. */
  readonly tracks?: { readonly audio: readonly string[]; readonly subtitles: readonly string[] };
  open(provider: FakeProvider, media: HlsKindMedia): OpenedHlsKind;
}

/** FFmpeg that only copies: it costs little, and its pictures come as fast as the source's. */
const COPY = '-i {input_url} -c copy -f mpegts pipe:1';

const proxied = (provider: FakeProvider, path: string, ...channels: HlsChannel[]): OpenedHlsKind => ({
  ...{ create: 'streams', body: { url: provider.url(path) }, channels },
});

/** The kinds of HLS that every player is to play: five of a provider's, two that are made here. Segments are 2 s long. */
export const HLS_KINDS: readonly HlsKind[] = [
  {
    ...{ name: 'live', lowLatency: false },
    open(provider, { sample }) {
      const options = { gzip: true, programDateTime: true, uris: 'root', segmentSeconds: 2 } as const;
      const extraTags = ['#EXT-X-VENDOR:a="b, c",URI="vendor"'];
      return proxied(provider, '/live/index.m3u8', provider.hls('/live/', sample, { ...options, extraTags }));
    },
  },
  {
    ...{ name: 'encrypted', lowLatency: false },
    open(provider, { sample }) {
      const options = { encryption: 'aes-128', query: ODD_QUERY, uris: 'dots', segmentSeconds: 2 } as const;
      return proxied(provider, '/aes/index.m3u8', provider.hls('/aes/', sample, options));
    },
  },
  {
    ...{ name: 'fMP4', lowLatency: false },
    open: (provider, { fmp4 }) =>
      proxied(
        provider,
        '/fmp4/index.m3u8',
        provider.hls('/fmp4/', fmp4, { uris: 'absolute', query: ODD_QUERY }),
      ),
  },
  {
    ...{ name: 'low latency', lowLatency: true },
    open: (provider, { fmp4 }) =>
      proxied(provider, '/ll/index.m3u8', provider.hls('/ll/', fmp4, { lowLatency: true, window: 10 })),
  },
  {
    ...{ name: 'multivariant', lowLatency: false },
    tracks: { audio: ['as broadcast', 'English'], subtitles: ['Deutsch'] },
    open(provider, { sample, sound }) {
      const { channels } = provider.multivariant('/multi/', {
        ...{ segmentSeconds: 2, query: ODD_QUERY },
        variants: [
          { name: 'high', sample, bandwidth: 600_000 },
          { name: 'low', sample, bandwidth: 300_000 },
        ],
        audio: [{ name: 'English', language: 'en', sample: sound }],
        subtitles: [{ name: 'Deutsch', language: 'de' }],
      });
      return proxied(provider, '/multi/main.m3u8', ...channels.values());
    },
  },
  {
    ...{ name: 'shared', lowLatency: false },
    open(provider, { sample }) {
      provider.live('/shared.ts', sample, { start: 'keyframe' });
      return { create: 'streams', body: { url: provider.url('/shared.ts'), shared: true }, channels: [] };
    },
  },
  {
    ...{ name: 'transcoded', lowLatency: false },
    open(provider, { sample }) {
      provider.live('/transcoded.ts', sample, { start: 'keyframe' });
      return {
        ...{ create: 'transcode', channels: [] },
        body: { url: provider.url('/transcoded.ts'), profile: COPY },
      };
    },
  },
];
