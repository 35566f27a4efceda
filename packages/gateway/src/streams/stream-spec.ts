import type { StreamDefinition } from '@streampool/state';
import type { StreamSpec } from '@streampool/streaming';
import type { ResolverChoice } from '@streampool/upstream';
import { detectionOf } from './detection-spec.ts';
import { contentTypeOf } from './stream-type.ts';

/** What the data plane must know of a stream. A stream without a user agent of its own goes out under the configured one. */
export function streamSpec(definition: StreamDefinition, defaultUserAgent: string): StreamSpec {
  const detection = detectionOf(definition.settings);
  return {
    id: definition.id,
    kind: definition.kind,
    target: {
      url: definition.url,
      headers: definition.headers,
      userAgent: definition.userAgent ?? defaultUserAgent,
      ...(definition.resolver && { resolver: definition.resolver as ResolverChoice }),
    },
    failoverUrls: definition.failoverUrls,
    ...(definition.failoverResolverUrl !== undefined && { resolverUrl: definition.failoverResolverUrl }),
    // Also where there are none: a stream of the same id may have had some before.
    metadata: definition.metadata,
    ...choiceOf(definition.settings),
    ...(definition.ffmpegArgs !== undefined && { ffmpegArgs: definition.ffmpegArgs }),
    ...(definition.programme && { programme: definition.programme }),
    ...(detection && { detection }),
    ...(typeof definition.settings.slate === 'boolean' && { slate: definition.settings.slate }),
    ...(definition.settings.use_sticky_session === true && { stickySession: true }),
    ...providerOf(definition.settings),
    contentType: contentTypeOf(definition),
  };
}

function providerOf({
  provider_id: providerId,
  priority,
}: StreamDefinition['settings']): Pick<StreamSpec, 'providerId' | 'priority'> {
  return {
    ...(typeof providerId === 'string' && { providerId }),
    ...(typeof priority === 'number' && { priority }),
  };
}

/** Settings in seconds, as the API has them, in ms, as the data plane has them. */
function choiceOf(settings: StreamDefinition['settings']): Pick<StreamSpec, 'failbackAfterMs' | 'timeouts'> {
  const ms = <K extends string>(key: K, value: unknown): { [key in K]?: number } =>
    (typeof value === 'number' ? { [key]: Math.round(value * 1000) } : {}) as { [key in K]?: number };
  const timeouts = {
    ...ms('connectMs', settings.connect_timeout),
    ...ms('firstByteMs', settings.first_byte_timeout),
    ...ms('stallMs', settings.stall_timeout),
  };
  return {
    ...ms('failbackAfterMs', settings.failback_after),
    ...(Object.keys(timeouts).length > 0 && { timeouts }),
  };
}
