import fc from 'fast-check';
import { RelayBody, relayWord } from '../../src/relay/relay-signal.ts';

const packet = (pid: number, fill: number): Buffer => {
  const bytes = Buffer.alloc(188, fill);
  bytes.set([0x47, pid >> 8, pid & 0xff, 0x10]);
  return bytes;
};

test('words are taken out wherever the body is cut, and everything else stays as it is', () => {
  const piece = fc.oneof(
    fc.constantFrom('alive', 'leaving', 'ended' as const),
    fc.tuple(fc.constantFrom(0x100, 0x1fff, 0), fc.nat(255)),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 700 })),
      (pieces, cuts) => {
        const body = Buffer.concat(
          pieces.map((p) => (typeof p === 'string' ? relayWord(p as 'alive') : packet(p[0], p[1]))),
        );
        const words: string[] = [];
        const packets: Buffer[] = [];
        const taker = new RelayBody({
          packets: (run) => packets.push(Buffer.from(run)),
          word: (word) => words.push(word),
        });
        let from = 0;
        for (const length of [...cuts, body.length]) {
          taker.push(body.subarray(from, from + length));
          from += length;
        }
        expect(words).toEqual(pieces.filter((p) => typeof p === 'string'));
        expect(Buffer.concat(packets)).toEqual(
          Buffer.concat(pieces.flatMap((p) => (typeof p === 'string' ? [] : [packet(p[0], p[1])]))),
        );
      },
    ),
  );
});
