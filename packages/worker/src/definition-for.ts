import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { ClusterState, StreamDefinition } from '@streampool/state';
import type { Peers } from './peers.ts';

/**
 * What a stream that another node asks for is made of: from the state, or from that node while the state is away, since whoever
 * asks for the stream has viewers for it, and knows what it is. @throws StreampoolError STREAM_NOT_FOUND, STATE_UNAVAILABLE
 */
export async function definitionFor(
  from: { state: Pick<ClusterState, 'getDefinition'>; peers: Pick<Peers, 'definition'> },
  streamId: string,
  node: string,
): Promise<StreamDefinition> {
  const definition = await from.state.getDefinition(streamId).catch(async (error: unknown) => {
    const known =
      isStreampoolError(error, 'STATE_UNAVAILABLE') && (await from.peers.definition(node, streamId));
    if (!known) throw error;
    return known;
  });
  if (!definition) throw new StreampoolError('STREAM_NOT_FOUND', 'There is no such stream');
  return definition;
}
