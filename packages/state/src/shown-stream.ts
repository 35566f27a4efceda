import { redactText, redactUrl } from '@streampool/redaction';
import type { StreamDefinition, StreamRecord, StreamRuntime } from './records.ts';

/** The part of a stream's record that comes from its definition. */
export type ShownStream = Omit<StreamRecord, keyof StreamRuntime>;

/**
 * What operators see of a definition, free of credentials. Made when the definition is written, so that no reader of a
 * store (a `redis-cli`, a backup, a later API) can forget to redact.
 */
export function shownStream(definition: StreamDefinition): ShownStream {
  return {
    id: definition.id,
    kind: definition.kind,
    streamType: definition.streamType,
    url: redactUrl(definition.url),
    failoverUrls: definition.failoverUrls.map(redactUrl),
    ...(definition.failoverResolverUrl !== undefined && {
      failoverResolverUrl: redactUrl(definition.failoverResolverUrl),
    }),
    ...(definition.profile !== undefined && { profile: redactText(definition.profile) }),
    ...(definition.userAgent !== undefined && { userAgent: definition.userAgent }),
    metadata: shownMetadata(definition.metadata),
    createdAtMs: definition.createdAtMs,
  };
}

/** Metadata as it is shown and searched: clients put logo and source URLs there too. */
export function shownMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([field, value]) => [field, redactText(value)]));
}

/** An event's or error's particulars with the credentials of any URL in them hidden. */
export function shownData<T extends string | number | boolean>(
  data: Readonly<Record<string, T>>,
): Record<string, T | string> {
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [
      name,
      typeof value === 'string' ? redactText(value) : value,
    ]),
  );
}
