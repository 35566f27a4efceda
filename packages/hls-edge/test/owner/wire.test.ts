import type { HlsAnswer } from '@streampool/hls';
import { answerHeaders, readAnswer } from '../../src/index.ts';

test.each<[HlsAnswer['kind']]>([['playlist'], ['asset-list'], ['media'], ['other']])(
  'another node reads of an answer of the kind %s what was said of it',
  (kind) => {
    const described = {
      ...{ status: 200 as const, kind, contentType: 'application/x', maxAgeMs: 40, targetDurationMs: 2_000 },
      ...{ progress: { mediaSequence: 7, discontinuitySequence: 1 }, headers: { 'content-range': 'x' } },
    };
    const said = readAnswer(200, answerHeaders({ ...described, body: Buffer.alloc(0) }, 3));
    expect(said).toEqual({ described, epoch: 3, isWhole: kind === 'playlist' });
  },
);
