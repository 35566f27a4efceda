import type { ConnectionHolder, UpstreamTarget } from '@streampool/upstream';
import type { StreamSpec } from './engine-api.ts';

/** The stream with what its provider connections are for, so that the one client that opens them can count them. */
export function withHolder(
  spec: StreamSpec,
  who: Required<Pick<ConnectionHolder, 'end'>> & Pick<ConnectionHolder, 'viewer'>,
): StreamSpec {
  const { id: streamId, providerId, priority } = spec;
  const holder: ConnectionHolder = {
    streamId,
    ...(providerId !== undefined && { providerId }),
    ...(priority !== undefined && { priority }),
    ...who,
  };
  return { ...spec, target: { ...spec.target, holder } };
}

/** The target for one attempt: one that is made ready while another plays is told at once whether there is a slot. */
export function forAttempt(target: UpstreamTarget, { beside }: { readonly beside: boolean }): UpstreamTarget {
  return beside && target.holder ? { ...target, holder: { ...target.holder, beside } } : target;
}
