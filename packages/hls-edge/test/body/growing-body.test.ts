import { GrowingBody } from '../../src/body/growing-body.ts';

async function read(body: GrowingBody): Promise<string> {
  let text = '';
  for await (const chunk of body.open()) text += chunk;
  return text;
}

test('everybody reads all of it, whenever they begin', async () => {
  const body = new GrowingBody();
  const early = read(body);
  await body.push(Buffer.from('one '));
  const late = read(body);
  await body.push(Buffer.from('two'));
  expect(body.whole()).toBeUndefined();
  body.end();
  expect(await Promise.all([early, late, read(body)])).toEqual(['one two', 'one two', 'one two']);
  expect(body.whole()?.toString()).toBe('one two');
  expect(await read(body)).toBe('one two');
  expect(body.length).toBe(7);
});

test('where it breaks off, it breaks off for everybody', async () => {
  const body = new GrowingBody();
  const reading = read(body);
  await body.push(Buffer.from('one'));
  body.fail(new Error('cut'));
  await expect(reading).rejects.toThrow('cut');
  await expect(read(body)).rejects.toThrow('cut');
});

test('once released it keeps what its readers have still to get, and waits for the slowest', async () => {
  const body = new GrowingBody();
  const mb = Buffer.alloc(1024 * 1024);
  const readings = [body.open(), body.open()];
  const [fast, slow] = readings as [AsyncGenerator<Buffer>, AsyncGenerator<Buffer>];
  const first = [fast.next(), slow.next()];
  await body.push(mb);
  await Promise.all(first);
  body.release();
  let isWaiting = true;
  const pushed = (async () => {
    for (let count = 0; count < 4; count++) await body.push(mb);
    isWaiting = false;
  })();
  for (let count = 0; count < 3; count++) await fast.next();
  expect(isWaiting).toBe(true);
  for (let count = 0; count < 3; count++) await slow.next();
  await pushed;
  await expect(body.open().next()).rejects.toThrow('not kept');
});

test('its source is told when nobody can read it any more', async () => {
  let abandoned = 0;
  const body = new GrowingBody({ onAbandoned: () => abandoned++ });
  const reading = body.open();
  const first = reading.next();
  await body.push(Buffer.from('x'));
  await first;
  body.release();
  expect(abandoned).toBe(0);
  await reading.return(undefined);
  expect(abandoned).toBe(1);
});
