import { PacketAligner } from '@streampool/mpegts';
import { SyncWatch } from '../../src/detection/sync-watch.ts';
import { packets, VIDEO_PID } from './transport.ts';

const GOOD = packets(VIDEO_PID, 100);
/** Bytes without a sync byte. */
const GARBAGE = Buffer.alloc(20_000, 0x11);
/** A packet is missing 50 bytes in the middle of each chunk. */
const TORN = Buffer.concat([GOOD.subarray(0, 9_000), GOOD.subarray(9_050)]);

function setup(settings = { syncLostMs: 2_000, syncLosses: 10 }) {
  const watch = new SyncWatch(settings);
  const aligner = new PacketAligner();
  let nowMs = 1_000;
  const send = (chunk: Buffer, ms: number, everyMs = 100) => {
    const startMs = nowMs;
    for (; nowMs < startMs + ms; nowMs += everyMs) {
      aligner.align(chunk, () => {});
      const error = watch.push(aligner, nowMs);
      if (error) return { error, afterMs: nowMs - startMs };
    }
    return undefined;
  };
  return { send };
}

test('garbage behind packets is found after two seconds', () => {
  const { send } = setup();
  expect(send(GOOD, 5_000)).toBeUndefined();
  const found = send(GARBAGE, 10_000);
  expect(found).toMatchObject({ error: { code: 'SYNC_LOST', retryable: true }, afterMs: 2_000 });
});

test('sync that is lost again and again is found by its number, however fast it comes back', () => {
  const { send } = setup();
  expect(send(GOOD, 5_000)).toBeUndefined();
  const found = send(TORN, 30_000, 500);
  expect(found?.error).toMatchObject({ code: 'SYNC_LOST' });
  expect(found?.error.info.losses).toBeGreaterThanOrEqual(10);
  expect(found?.afterMs).toBeLessThanOrEqual(10_000);
});

test('a damaged packet now and then is reception', () => {
  const { send } = setup();
  for (let i = 0; i < 60; i++) {
    expect(send(GOOD, 3_000)).toBeUndefined();
    expect(send(TORN, 100)).toBeUndefined();
  }
});

test('what never was a transport stream is not judged, and 0 is off', () => {
  expect(setup().send(GARBAGE, 30_000)).toBeUndefined();
  const { send } = setup({ syncLostMs: 0, syncLosses: 0 });
  expect(send(GOOD, 1_000)).toBeUndefined();
  expect(send(TORN, 30_000)).toBeUndefined();
  expect(send(GARBAGE, 30_000)).toBeUndefined();
});
