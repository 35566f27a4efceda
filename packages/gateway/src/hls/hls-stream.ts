import { StreampoolError } from '@streampool/errors';
import type { HlsStream } from '@streampool/hls-edge';
import type { StreamDefinition } from '@streampool/state';
import { streamSpec } from '../streams/stream-spec.ts';

/** The profile for players that want to be as close to live as can be. */
const LOW_LATENCY = 'lowlatency';

type Source = Pick<StreamDefinition, 'kind' | 'streamType'>;

/** Whether players get the provider's own playlists: those are fetched once for everybody, so that such a stream is shared by nature. */
export function isProxiedHls({ kind, streamType }: Source): boolean {
  return kind !== 'transcode' && streamType === 'hls';
}

/** Whether players may ask for it below `/hls/`. */
export function hasPlaylist(source: Source): boolean {
  return source.kind !== 'direct' || isProxiedHls(source);
}

/** How a stream is delivered as HLS. @throws StreampoolError HLS_NOT_AVAILABLE */
export function hlsStreamOf(definition: StreamDefinition, defaultUserAgent: string): HlsStream {
  const spec = streamSpec(definition, defaultUserAgent);
  if (definition.programme) return { source: 'programmes', spec, programme: definition.programme };
  if (isProxiedHls(definition)) return { source: 'playlist', spec: { ...spec, kind: 'shared' } };
  if (!hasPlaylist(definition))
    throw new StreampoolError(
      'HLS_NOT_AVAILABLE',
      'Each viewer of this stream has a connection of its own: ask for it with shared: true to get it as HLS',
    );
  return { source: 'pool', spec, ...(definition.profile === LOW_LATENCY && { lowLatency: true }) };
}
