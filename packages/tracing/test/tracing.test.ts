import { execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { FakeCollector } from '@streampool/testkit';
import { NO_TRACER, openTracer, type Tracer, traced } from '../src/index.ts';

let collector: FakeCollector;
let tracer: Tracer;
beforeEach(async () => {
  collector = await FakeCollector.start();
  tracer = await openTracer({
    endpoint: collector.url,
    sampled: 1,
    resource: { 'service.name': 'streampool', 'streampool.node': 'w1' },
  });
});
afterEach(async () => {
  await tracer.close();
  await collector.close();
});

test('spans know their parents, through promises and timers, and what they are', async () => {
  await traced(tracer, 'request', { kind: 'server', attributes: { route: '/streams' } }, async (span) => {
    await pause(1);
    await traced(tracer, 'inner', {}, async () => {});
    span.set({ status: 200 });
    expect(span.traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/);
  });
  await tracer.close();
  const [request] = collector.named('request');
  const [inner] = collector.named('inner');
  expect(request).toMatchObject({
    parentSpanId: '',
    kind: 2,
    isError: false,
    attributes: { route: '/streams', status: 200 },
  });
  expect(request!.resource).toMatchObject({ 'service.name': 'streampool', 'streampool.node': 'w1' });
  expect([inner!.traceId, inner!.parentSpanId]).toEqual([request!.traceId, request!.spanId]);
});

test('a trace goes on in another process by the header, and not by what is none', async () => {
  const client = tracer.open('relay request', { kind: 'client' });
  tracer.open('relay', { kind: 'server', parent: client.traceparent }).end();
  client.end();
  for (const parent of ['', 'x', `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`, '00-12-34-01']) {
    tracer.open('alone', { parent }).end();
  }
  await tracer.close();
  const [asked] = collector.named('relay request');
  expect(collector.named('relay')).toMatchObject([{ traceId: asked!.traceId, parentSpanId: asked!.spanId }]);
  const alone = collector.named('alone');
  expect(alone.map(({ parentSpanId }) => parentSpanId)).toEqual(['', '', '', '']);
  expect(new Set(alone.map(({ traceId }) => traceId)).size).toBe(4);
});

test('what begins within a span after its end is a trace of its own, linked to it', async () => {
  const request = tracer.open('request');
  const later = request.run(() => pause(5).then(() => tracer.open('lost and opened again').end()));
  request.end();
  await later;
  await tracer.close();
  const [before] = collector.named('request');
  const [after] = collector.named('lost and opened again');
  expect(after).toMatchObject({ parentSpanId: '', links: [before!.spanId] });
  expect(after!.traceId).not.toBe(before!.traceId);
});

test('a failure is told by its code, not by its message', async () => {
  const error = Object.assign(new Error('http://user:hunter2@host/ did not answer'), {
    code: 'UPSTREAM_TIMEOUT',
  });
  await expect(traced(tracer, 'open', {}, () => Promise.reject(error))).rejects.toBe(error);
  await tracer.close();
  expect(collector.named('open')).toMatchObject([
    { isError: true, attributes: { 'error.type': 'UPSTREAM_TIMEOUT' } },
  ]);
  expect(collector.text).not.toContain('hunter2');
});

test('what somebody else does not keep is not kept here, nor more than the share that is wanted', async () => {
  const caller = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`;
  tracer.open('not kept', { parent: caller }).end();
  const none = await openTracer({ endpoint: collector.url, sampled: 0, resource: {} });
  none.open('none').end();
  none.open('kept', { parent: caller.replace(/00$/, '01') }).end();
  await Promise.all([tracer.close(), none.close()]);
  expect(collector.spans.map(({ name }) => name)).toEqual(['kept']);
});

test('a collector that is away holds up nothing', async () => {
  await collector.close();
  const begun = performance.now();
  await traced(tracer, 'request', {}, async () => {});
  await tracer.close();
  expect(performance.now() - begun).toBeLessThan(15_000);
});

test('without an endpoint nothing of the SDK is loaded', async () => {
  expect(await openTracer({ endpoint: undefined, sampled: 1, resource: {} })).toBe(NO_TRACER);
  const program = `
    import { registerHooks } from 'node:module';
    const seen = [];
    registerHooks({ resolve(name, context, next) { seen.push(name); return next(name, context); } });
    const { openTracer } = await import(${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)});
    await openTracer({ endpoint: undefined, sampled: 1, resource: {} });
    console.log(seen.filter((name) => name.includes('opentelemetry')).length, seen.length > 1);
  `;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(said.trim()).toBe('0 true');
});
