import type { HlsBody } from '@streampool/hls';
import type { ByteSlice } from './byte-slice.ts';

/** Some bytes of a body that is read as it comes: what is before them is passed over, and what is behind them not waited for. */
export function slicedBody(body: HlsBody, { start, end }: ByteSlice): HlsBody {
  return {
    length: end - start + 1,
    async *open() {
      let at = 0;
      for await (const chunk of body.open()) {
        const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at));
        at += chunk.length;
        if (wanted.length > 0) yield wanted;
        if (at > end) return;
      }
    },
  };
}
