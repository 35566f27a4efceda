import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeErrors, makeSample, probePackets, TsCheck, TsLoop } from '@streampool/testkit';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'testkit-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

test.each(['h264', 'hevc', 'mpeg2', 'audio'] as const)('rounds of %s are one stream', async (codec) => {
  const sample = await makeSample({ codec, seconds: 4 });
  const loop = new TsLoop(sample);
  const bytes = Buffer.concat([loop.render(0), loop.render(1), loop.render(2)]);
  const check = new TsCheck();
  for (let at = 0; at < bytes.length; at += 1_000) check.push(bytes.subarray(at, at + 1_000));
  expect(check.notes).toEqual([]);
  expect(check.packets).toBe(bytes.length / 188);
  expect(check.firstPicture).toMatchObject({ undecodable: 0 });

  const path = join(directory, `${codec}.ts`);
  writeFileSync(path, bytes);
  expect(await decodeErrors(path)).toEqual([]);
  if (codec === 'audio') return;
  const packets = await probePackets(path);
  expect(packets).toHaveLength(300);
  const steps = packets.slice(1).map(({ dts }, index) => Math.round((dts - packets[index]!.dts) * 1_000));
  expect(new Set(steps)).toEqual(new Set([40]));
});

test('timestamps wrap at 2^33', async () => {
  const loop = new TsLoop(await makeSample(), { firstPcr: 2 ** 33 - 90_000 });
  const check = new TsCheck();
  check.push(loop.render(0));
  check.push(loop.render(1));
  expect(check.notes).toEqual([]);
  expect(check.firstPicture!.pts).toBeGreaterThan(2 ** 33 - 90_000);
});

test('a constant rate keeps its rate', async () => {
  const sample = await makeSample({ muxrateKbps: 2_000 });
  const loop = new TsLoop(sample);
  expect(Math.abs((loop.size * 8) / sample.seconds / 2_000_000 - 1)).toBeLessThan(0.01);
  expect(loop.offsetAt(loop.durationTicks / 2) / loop.size).toBeCloseTo(0.5, 1);
});

describe('the check', () => {
  const broken = async (damage: (bytes: Buffer) => Buffer): Promise<TsCheck> => {
    const check = new TsCheck();
    check.push(damage(new TsLoop(await makeSample()).render(0)));
    return check;
  };
  const without = (bytes: Buffer, from: number, to: number): Buffer =>
    Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);

  test('sees a lost packet', async () => {
    const check = await broken((bytes) => without(bytes, 188 * 500, 188 * 501));
    expect(check).toMatchObject({ continuityErrors: 1, syncErrors: 0, clean: false });
  });

  test('sees garbage', async () => {
    const check = await broken((bytes) =>
      Buffer.concat([bytes.subarray(0, 18_800), Buffer.alloc(50, 1), bytes.subarray(18_800)]),
    );
    expect(check).toMatchObject({ continuityErrors: 0, syncErrors: 1 });
  });

  test('sees time going back', async () => {
    const loop = new TsLoop(await makeSample());
    const check = new TsCheck();
    check.push(loop.render(3));
    check.push(loop.render(0));
    expect(check.timestampErrors).toBeGreaterThan(2);
  });

  test('sees pictures that cannot be decoded', async () => {
    const check = await broken((bytes) => bytes.subarray(188 * 100));
    expect(check.firstPicture!.undecodable).toBeGreaterThan(10);
  });
});
