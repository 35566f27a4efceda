import { slicedBody } from '../../src/hls/sliced-body.ts';

test('a range of a body that is read in pieces, whose rest is not read', async () => {
  const read: number[] = [];
  const body = {
    length: 12,
    async *open() {
      for (const n of [0, 1, 2]) {
        read.push(n);
        yield Buffer.from('0123456789ab'.slice(4 * n, 4 * n + 4));
      }
    },
  };
  const bytes = async (start: number, end: number): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of slicedBody(body, { start, end }).open()) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  for (const [start, end] of [
    [0, 11],
    [0, 0],
    [3, 4],
    [4, 7],
    [5, 5],
    [11, 11],
  ] as const)
    expect(await bytes(start, end)).toBe('0123456789ab'.slice(start, end + 1));
  read.length = 0;
  await bytes(4, 7);
  expect(read).toEqual([0, 1]);
});
