import type { NodeFigures } from '@streampool/gateway';
import type { HlsEdge } from '@streampool/hls-edge';

/** Segments that viewers were given, and how often the owner of a stream need not be asked. */
export function hlsFigures(hls: Pick<HlsEdge, 'figures'>): Pick<NodeFigures, 'segmentsServed' | 'caches'> {
  let [segmentsServed, hits, misses] = [0, 0, 0];
  for (const [kind, outcomes] of hls.figures().requests) {
    for (const [outcome, count] of outcomes) {
      if (kind === 'media') segmentsServed += count;
      // Asked for already by somebody else, or older than it should be: the owner has nothing to do with either.
      if (outcome === 'miss') misses += count;
      else hits += count;
    }
  }
  return { segmentsServed, caches: [{ name: 'hls', hits, misses }] };
}
