import type { StreampoolError } from '@streampool/errors';
import { buildTables } from '@streampool/mpegts';
import {
  DEFAULT_DETECTION_SETTINGS,
  type DetectionSettings,
  SourceWatch,
} from '../../src/detection/index.ts';
import { AUDIO_PID, packets, program, VIDEO_PID } from './transport.ts';

const BOTH = Buffer.concat([packets(VIDEO_PID, 20), packets(AUDIO_PID)]);
const VIDEO = packets(VIDEO_PID, 20);

function setup(settings: Partial<DetectionSettings> = {}) {
  const faults: StreampoolError[] = [];
  let nowMs = 1_000;
  const watch = new SourceWatch(
    { ...DEFAULT_DETECTION_SETTINGS, ...settings },
    { now: () => nowMs, onFault: (error) => faults.push(error) },
  );
  watch.program(program('video', 'audio'));
  const send = (run: Buffer, ms: number) => {
    for (const until = nowMs + ms; nowMs < until; nowMs += 50) watch.packets(run);
  };
  return { watch, faults, send, wait: (ms: number) => (nowMs += ms) };
}

test('every detector reports through the one door', () => {
  const low = setup({ bitrateFloorKbps: 100_000 });
  low.send(BOTH, 15_000);
  expect(low.faults[0]?.code).toBe('SOURCE_BITRATE_LOW');

  const track = setup();
  track.send(BOTH, 10_000);
  track.send(VIDEO, 10_000);
  expect(track.faults[0]?.code).toBe('SOURCE_TRACK_LOST');

  const sync = setup();
  sync.watch.sync({ synced: true, syncLosses: 0 });
  sync.watch.sync({ synced: true, syncLosses: 10 });
  expect(sync.faults[0]?.code).toBe('SYNC_LOST');

  const slow = setup();
  for (let i = 0; i < 120; i++) {
    slow.watch.progress({ outTimeMs: i * 250 });
    slow.wait(500);
  }
  expect(slow.faults[0]?.code).toBe('FFMPEG_SLOW');
});

test('finds the program map by itself where it is asked to', () => {
  for (const findProgram of [true, false]) {
    const faults: StreampoolError[] = [];
    let nowMs = 0;
    const watch = new SourceWatch(DEFAULT_DETECTION_SETTINGS, {
      now: () => nowMs,
      onFault: (error) => faults.push(error),
      findProgram,
    });
    const tables = buildTables(program('video', 'audio'));
    const changed = buildTables({ ...program('video'), version: 1 });
    for (; nowMs < 10_000; nowMs += 50) watch.packets(Buffer.concat([tables, BOTH]));
    for (; nowMs < 13_000; nowMs += 50) watch.packets(Buffer.concat([changed, VIDEO]));
    expect(faults.map(({ code, info }) => [code, info.listed])).toEqual(
      findProgram ? [['SOURCE_TRACK_LOST', false]] : [],
    );
  }
});

test('the first fault is the only one, and none comes after close', () => {
  const { watch, faults, send } = setup({ bitrateFloorKbps: 100_000 });
  send(BOTH, 60_000);
  watch.sync({ synced: true, syncLosses: 0 });
  watch.sync({ synced: true, syncLosses: 100 });
  expect(faults).toHaveLength(1);

  const closed = setup({ bitrateFloorKbps: 100_000 });
  closed.watch.close();
  closed.watch.close();
  closed.send(BOTH, 60_000);
  closed.watch.program(program('video'));
  closed.watch.progress({ speed: 0.1 });
  expect(closed.faults).toEqual([]);
});

test('time stands still while paused', () => {
  // 3000 kbit/s while it is read.
  const { watch, faults, send, wait } = setup({ bitrateFloorKbps: 400 });
  for (let i = 0; i < 20; i++) {
    send(packets(VIDEO_PID, 100), 1_000);
    watch.pause();
    watch.pause();
    wait(30_000);
    watch.progress({ outTimeMs: 1 });
    watch.resume();
    watch.resume();
  }
  expect(faults).toEqual([]);
  const unpaused = setup({ bitrateFloorKbps: 400 });
  for (let i = 0; i < 20; i++) {
    unpaused.send(packets(VIDEO_PID, 100), 1_000);
    unpaused.wait(30_000);
  }
  expect(unpaused.faults[0]?.code).toBe('SOURCE_BITRATE_LOW');
});

test('an encoder that was paused is measured anew', () => {
  const { watch, faults, wait } = setup();
  let outTimeMs = 0;
  for (let i = 0; i < 20; i++) {
    for (let k = 0; k < 40; k++) {
      outTimeMs += 250;
      watch.progress({ outTimeMs });
      wait(500);
    }
    watch.pause();
    wait(1_000);
    watch.resume();
  }
  expect(faults).toEqual([]);
});

test('nothing is judged by default but what costs nothing', () => {
  const { watch, faults, send } = setup();
  send(BOTH, 60_000);
  for (let i = 0; i < 200; i++) watch.progress({ outTimeMs: i * 500 });
  expect(faults).toEqual([]);
});
