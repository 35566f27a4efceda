import { stage } from './chain-stage.ts';

describe('which source is next', () => {
  test('a cut is asked about once, at once and afresh; then the others have their turn', async () => {
    const it = stage();
    it.chain.start();
    it.last.play();
    await it.clock.advance(5_000);
    it.last.fail('UPSTREAM_CUT');
    await it.clock.advance(0);
    expect(it.opened).toEqual([0, 0]);
    expect(it.last.attempt.fresh).toBe(true);
    it.last.play();
    await it.clock.advance(5_000);
    it.last.fail('UPSTREAM_CUT');
    await it.clock.advance(0);
    expect(it.opened).toEqual([0, 0, 1]);
    expect(it.last.attempt.fresh).toBe(false);
  });

  test('after a stall the next one is asked at once, and the stalled one only where it is the only one', async () => {
    const it = stage();
    it.chain.start();
    it.last.play();
    it.last.fail('UPSTREAM_TIMEOUT');
    await it.clock.advance(0);
    expect(it.opened).toEqual([0, 1]);
    const alone = stage({ alternatives: 1 });
    alone.chain.start();
    alone.last.play();
    alone.last.fail('UPSTREAM_TIMEOUT');
    await alone.clock.advance(0);
    expect(alone.opened).toEqual([0, 0]);
  });

  test('different sources are asked without a pause, the same one again with growing ones', async () => {
    const it = stage({ alternatives: 2 });
    it.chain.start();
    it.last.play();
    const began = it.clock.now();
    for (let n = 0; n < 8; n += 1) {
      it.last.fail('UPSTREAM_CONNECT_FAILED');
      await it.clock.advance(0);
      while (it.open.length === 0) await it.clock.advance(10);
    }
    expect(it.opened).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0]);
    const waits = it.sources.map(({ openedMs }) => openedMs - began);
    // The other one at once; then each again 250, 500, 1000, 2000 ms after it failed.
    expect(waits.map((wait) => Math.round(wait / 50) * 50)).toEqual([
      0, 0, 250, 250, 750, 750, 1_750, 1_750, 3_750,
    ]);
  });

  test('one stall costs one attempt: sources that were not asked keep their turn', async () => {
    const it = stage({ policy: { stallMs: 3_000, startMs: 9_000 } });
    it.chain.start();
    it.last.play();
    await it.clock.advance(3_000);
    expect(it.opened).toEqual([0, 1]);
    // It is given its own time to start, however long the silence has been.
    await it.clock.advance(8_900);
    expect(it.opened).toEqual([0, 1]);
    it.last.play();
    expect(it.log).toEqual(['lost UPSTREAM_TIMEOUT', '1 after UPSTREAM_TIMEOUT']);
  });

  test('a source whose breaker is open elsewhere is passed over', async () => {
    const open = new Set([1]);
    const it = stage({ choice: { waitMs: (index) => (open.has(index) ? 60_000 : 0) } });
    it.chain.start();
    it.last.play();
    it.last.fail('UPSTREAM_TIMEOUT');
    await it.clock.advance(0);
    expect(it.opened).toEqual([0, 2]);
    open.add(0);
    it.last.play();
    it.last.fail('UPSTREAM_STATUS', { upstreamStatus: 404 });
    await it.clock.advance(500);
    expect(it.opened).toEqual([0, 2]);
    // All are open: the one that may be asked first is, even where others find it well before its time.
    open.delete(1);
    await it.clock.advance(1_000);
    expect(it.opened).toEqual([0, 2, 1]);
  });

  test('it begins with the first that is believed to be well', () => {
    const it = stage({ choice: { waitMs: (index) => (index < 2 ? 5_000 : 0) } });
    it.chain.start();
    expect(it.opened).toEqual([2]);
    expect(it.last.attempt.isFirst).toBe(true);
  });

  test('what nodes do among each other is held against nobody', async () => {
    const blamed: string[] = [];
    const it = stage({ choice: { failed: ({ index }, fault) => blamed.push(`${index} ${fault}`) } });
    it.chain.start();
    it.last.play();
    it.last.fail('RELAY_LOST');
    await it.clock.advance(0);
    it.last.play();
    it.last.fail('FFMPEG_FAILED');
    await it.clock.advance(0);
    it.last.fail('PROVIDER_LIMIT');
    await it.clock.advance(0);
    expect(blamed).toEqual([]);
    it.last.fail('UPSTREAM_STATUS', { upstreamStatus: 404 });
    await it.clock.advance(0);
    it.last.fail('UPSTREAM_STATUS', { upstreamStatus: 503 });
    expect(blamed).toEqual(['1 refused', '2 failed']);
  });
});

test('a source that is left alone for long is told of, and so is that it plays again', async () => {
  const it = stage({ alternatives: 2 });
  it.chain.start();
  it.last.play();
  it.last.fail('UPSTREAM_STATUS', { upstreamStatus: 403 });
  await it.clock.advance(0);
  it.last.fail('UPSTREAM_TIMEOUT');
  await it.clock.advance(250);
  it.last.play();
  it.last.fail('UPSTREAM_TIMEOUT');
  await it.clock.advance(2_000);
  it.last.fail('UPSTREAM_CONNECT_FAILED');
  await it.clock.advance(1_000);
  while (it.last.attempt.index !== 0 || it.last.closed) {
    if (!it.last.closed) it.last.fail('UPSTREAM_CONNECT_FAILED');
    await it.clock.advance(100);
  }
  it.last.play();
  const told = it.notes.flatMap((note) =>
    note.type === 'breaker_opened' || note.type === 'breaker_closed' ? [`${note.type} ${note.index}`] : [],
  );
  expect(told[0]).toBe('breaker_opened 0');
  expect(told.at(-1)).toBe('breaker_closed 0');
  await it.chain.close();
});

describe('the end', () => {
  test('what never played is given one pass, and the verdict names each source', async () => {
    const it = stage();
    it.chain.start();
    it.last.fail('UPSTREAM_STATUS', { upstreamStatus: 404 });
    await it.clock.advance(0);
    it.last.fail('UPSTREAM_CONNECT_FAILED');
    await it.clock.advance(2_000);
    it.last.fail('UPSTREAM_TIMEOUT');
    expect(it.opened).toEqual([0, 1, 2]);
    expect(it.failure).toMatchObject({
      code: 'STREAM_FAILED',
      status: 504,
      message:
        '3 sources, 3 attempts in 2 s: primary: UPSTREAM_STATUS of 0; alternative 1: UPSTREAM_CONNECT_FAILED of 1; alternative 2: UPSTREAM_TIMEOUT of 2',
      info: { sources: 3, attempts: 3, seconds: 2, lastCode: 'UPSTREAM_TIMEOUT' },
    });
  });

  test('the error of the only attempt is the verdict', () => {
    const it = stage({ alternatives: 1 });
    it.chain.start();
    it.last.fail('UPSTREAM_STATUS', { upstreamStatus: 404 });
    expect(it.failure).toMatchObject({ code: 'UPSTREAM_STATUS' });
  });

  test('refusals are believed after three, stalls and refused connections after all attempts', async () => {
    const attempts = async (code: 'UPSTREAM_STATUS' | 'UPSTREAM_CONNECT_FAILED', status = 404) => {
      const it = stage({ alternatives: 1, policy: { maxAttempts: 6 } });
      it.chain.start();
      it.last.play();
      it.last.fail('UPSTREAM_CUT');
      for (let n = 0; n < 20 && !it.failure; n += 1) {
        await it.clock.advance(9_000);
        if (!it.last.closed) it.last.fail(code, { upstreamStatus: status });
      }
      expect(it.clock.pending).toBe(0);
      return it.opened.length;
    };
    expect(await attempts('UPSTREAM_STATUS')).toBe(1 + 3);
    expect(await attempts('UPSTREAM_STATUS', 503)).toBe(6);
    expect(await attempts('UPSTREAM_CONNECT_FAILED')).toBe(6);
  });

  test('what somebody else has given up is not begun again', () => {
    const it = stage();
    it.chain.start();
    it.last.play();
    it.last.fail('STREAM_FAILED');
    expect(it.opened).toEqual([0]);
    expect(it.failure).toMatchObject({ code: 'STREAM_FAILED' });
  });
});
