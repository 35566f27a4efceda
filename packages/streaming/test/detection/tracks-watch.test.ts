import { TracksWatch } from '../../src/detection/tracks-watch.ts';
import { AUDIO_PID, NULL_PID, packets, program, readBack, VIDEO_PID } from './transport.ts';

const VIDEO = packets(VIDEO_PID, 5);
const AUDIO = packets(AUDIO_PID, 1);
const BOTH = Buffer.concat([VIDEO, AUDIO]);
const CLOCK = packets(VIDEO_PID, 1, false);

function setup(map = program('video', 'audio'), trackLostMs = 5_000) {
  const watch = new TracksWatch({ trackLostMs });
  watch.program(readBack(map));
  let nowMs = 1_000;
  /** Sends the run every 50 ms. Returns after how many ms a track was missed, and why. */
  const send = (run: Buffer, ms: number) => {
    const startMs = nowMs;
    for (; nowMs < startMs + ms; nowMs += 50) {
      const error = watch.push(run, nowMs);
      if (error) return { error, afterMs: nowMs - startMs };
    }
    return undefined;
  };
  return { watch, send, wait: (ms: number) => (nowMs += ms) };
}

test.each([
  ['audio', VIDEO],
  ['video', AUDIO],
  ['video', Buffer.concat([AUDIO, CLOCK])],
] as const)('%s whose packets cease while the other goes on is missed', (track, rest) => {
  const { send } = setup();
  expect(send(BOTH, 10_000)).toBeUndefined();
  const found = send(rest, 20_000);
  expect(found?.error).toMatchObject({ code: 'SOURCE_TRACK_LOST', info: { track, listed: true } });
  expect(found?.afterMs).toBeGreaterThan(4_500);
  expect(found?.afterMs).toBeLessThan(5_800);
});

test.each(['audio', 'video'] as const)('a program map without %s is believed after a second', (track) => {
  const { watch, send } = setup();
  expect(send(BOTH, 10_000)).toBeUndefined();
  watch.program(readBack(program(track === 'audio' ? 'video' : 'audio')));
  const found = send(track === 'audio' ? VIDEO : AUDIO, 10_000);
  expect(found?.error).toMatchObject({ code: 'SOURCE_TRACK_LOST', info: { track, listed: false } });
  expect(found?.afterMs).toBeGreaterThan(900);
  expect(found?.afterMs).toBeLessThan(2_000);
});

test('a map that is put right within the second is forgiven', () => {
  const { watch, send } = setup();
  expect(send(BOTH, 10_000)).toBeUndefined();
  watch.program(readBack(program('video')));
  expect(send(VIDEO, 600)).toBeUndefined();
  watch.program(readBack(program('video', 'audio')));
  expect(send(BOTH, 30_000)).toBeUndefined();
});

test('the same kind on another PID is no loss', () => {
  const { watch, send } = setup();
  expect(send(BOTH, 10_000)).toBeUndefined();
  const map = program('video', 'audio');
  watch.program({ ...map, streams: map.streams.map((s) => ({ ...s, pid: s.pid + 0x20 })) });
  expect(
    send(Buffer.concat([packets(VIDEO_PID + 0x20, 5), packets(AUDIO_PID + 0x20)]), 30_000),
  ).toBeUndefined();
});

test('what never came is not missed: radio, mute cameras, tracks that are only announced', () => {
  expect(setup(program('video')).send(VIDEO, 60_000)).toBeUndefined();
  expect(setup(program('audio')).send(AUDIO, 60_000)).toBeUndefined();
  expect(setup().send(VIDEO, 60_000)).toBeUndefined();
  expect(setup().send(AUDIO, 60_000)).toBeUndefined();
});

test('a radio’s picture now and then is no track that could be lost', () => {
  const { send } = setup();
  for (let i = 0; i < 10; i++) {
    expect(send(BOTH, 1_000)).toBeUndefined();
    expect(send(AUDIO, 9_000)).toBeUndefined();
  }
});

test('a stall of everything, and deliveries in bursts, are no silence of one', () => {
  const { send, wait } = setup();
  for (let i = 0; i < 30; i++) {
    expect(send(BOTH, 300)).toBeUndefined();
    wait(9_700);
    expect(send(VIDEO, 1_500)).toBeUndefined();
  }
});

test('when only stuffing comes, it is not one track that is missing', () => {
  const { send } = setup();
  expect(send(BOTH, 10_000)).toBeUndefined();
  expect(send(packets(NULL_PID, 5), 30_000)).toBeUndefined();
});

test('0 is off', () => {
  const { send } = setup(program('video', 'audio'), 0);
  send(BOTH, 10_000);
  expect(send(VIDEO, 60_000)).toBeUndefined();
});
