import { type FoundPrograms, KnownPrograms } from '../src/known-programs.ts';

const OLD_MS = 60_000;

function stage() {
  const looks: ((found: FoundPrograms) => void)[] = [];
  const it = { nowMs: 1_000, looks };
  const find = (): Promise<FoundPrograms> => new Promise((resolve) => looks.push(resolve));
  const known = new KnownPrograms({ find, now: () => it.nowMs });
  const end = async (look: number, found: FoundPrograms): Promise<void> => {
    await new Promise(setImmediate);
    looks[look]!(found);
    await new Promise(setImmediate);
  };
  return { it, known, end };
}

test('they are looked for when somebody asks first, once, and later nobody waits', async () => {
  const { it, known, end } = stage();
  expect(it.looks).toHaveLength(0);
  const asked = [known.versions(), known.versions()];
  expect(it.looks).toHaveLength(1);
  await end(0, { streamlink: '8.1' });
  expect(await Promise.all(asked)).toEqual([{ streamlink: '8.1' }, { streamlink: '8.1' }]);
  expect(await known.versions()).toEqual({ streamlink: '8.1' });
  expect(it.looks).toHaveLength(1);
});

test('what is old is said once more, and looked for again once, whoever asks', async () => {
  const { it, known, end } = stage();
  const first = known.versions();
  await end(0, { streamlink: '8.1' });
  await first;
  it.nowMs += OLD_MS;
  const asked = [known.versions(), known.versions()];
  expect(await Promise.all(asked)).toEqual([{ streamlink: '8.1' }, { streamlink: '8.1' }]);
  expect(it.looks).toHaveLength(2);
  await end(1, { streamlink: '8.2', ytdlp: '2027.1.1' });
  expect(await known.versions()).toEqual({ streamlink: '8.2', ytdlp: '2027.1.1' });
});

test('who needs one waits for the look that is under way, and not where it is known', async () => {
  const { it, known, end } = stage();
  const asked = [known.has('streamlink'), known.has('ytdlp')];
  await end(0, { streamlink: '8.1' });
  expect(await Promise.all(asked)).toEqual([true, false]);
  it.nowMs += OLD_MS;
  expect(await known.has('streamlink')).toBe(true);
  expect(it.looks).toHaveLength(2);
});

test('one that was installed after the start is found when it is needed', async () => {
  const { it, known, end } = stage();
  const first = known.has('ytdlp');
  await end(0, {});
  expect(await first).toBe(false);
  expect(await known.has('ytdlp')).toBe(false);
  expect(it.looks).toHaveLength(1);
  it.nowMs += 5_000;
  const asked = known.has('ytdlp');
  await end(1, { ytdlp: '2027.1.1' });
  expect(await asked).toBe(true);
});
