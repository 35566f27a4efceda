import type { StreamDefinition } from '@streampool/state';
import type { StreamSpec } from '@streampool/streaming';
import { contentTypeOf } from './stream-type.ts';

/** What the data plane must know of a stream. A stream without a user agent of its own goes out under the configured one. */
export function streamSpec(definition: StreamDefinition, defaultUserAgent: string): StreamSpec {
  return {
    id: definition.id,
    kind: definition.kind,
    target: {
      url: definition.url,
      headers: definition.headers,
      userAgent: definition.userAgent ?? defaultUserAgent,
    },
    failoverUrls: definition.failoverUrls,
    ...(definition.ffmpegArgs !== undefined && { ffmpegArgs: definition.ffmpegArgs }),
    ...(typeof definition.settings.slate === 'boolean' && { slate: definition.settings.slate }),
    contentType: contentTypeOf(definition),
  };
}
