import { FakeCollector, type SeenSpan, waitFor } from '@streampool/testkit';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage } from './cluster-stage.ts';

const stage = new ClusterStage();
let collector: FakeCollector;
beforeAll(async () => {
  collector = await FakeCollector.start();
  await stage.open({
    gateways: 1,
    workers: 1,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20of-the-collector',
    },
  });
});
afterAll(async () => {
  await stage.close();
  await collector?.close();
});

/** By `span@node`, so that a failure reads well. */
const label = ({ name, resource }: SeenSpan): string => `${name}@${resource['service.instance.id']}`;

test('one trace leads from the player’s request through the worker to the start of FFmpeg and the provider, without credentials', async () => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
  const url = stage.provider.url('/live.ts?password=hunter2').replace('//', '//somebody:secret-of-theirs@');
  const { id } = await stage.create('transcode', { url, profile: COPY });
  const parent = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`;
  const response = await fetch(`${stage.gateways[0]!.url}/stream/${id}`, {
    headers: { traceparent: parent },
  });
  await response.body!.getReader().read();

  const mine = () => collector.spans.filter(({ traceId }) => traceId === 'a1'.repeat(16));
  const wanted = [
    'viewer start@gateway-0',
    'ownership acquire@gateway-0',
    'relay request@gateway-0',
    'node request@worker-0',
    'ownership acquire@worker-0',
    'upstream open@worker-0',
    'ffmpeg start@worker-0',
  ];
  await waitFor(() => wanted.every((name) => mine().some((span) => label(span) === name)), {
    what: () => `the spans ${wanted}; there are ${mine().map(label)}`,
  });
  const one = (name: string) => mine().find((span) => label(span) === name)!;
  const parentOf = (name: string) => {
    const { parentSpanId } = one(name);
    return mine().find(({ spanId }) => spanId === parentSpanId);
  };
  expect(one('viewer start@gateway-0').parentSpanId).toBe('b2'.repeat(8));
  expect(label(parentOf('relay request@gateway-0')!)).toBe('viewer start@gateway-0');
  expect(label(parentOf('node request@worker-0')!)).toBe('relay request@gateway-0');
  expect(label(parentOf('ffmpeg start@worker-0')!)).toBe('node request@worker-0');
  expect(one('ffmpeg start@worker-0').attributes).toMatchObject({
    'stream.id': id,
    'process.pid': expect.any(Number),
  });
  expect(one('upstream open@worker-0').attributes).toMatchObject({
    'server.address': '127.0.0.1',
    'http.response.status_code': 200,
  });
  expect(mine().filter(({ isError }) => isError)).toEqual([]);

  await waitFor(
    () => collector.named('request').some(({ attributes }) => attributes['http.route'] === '/transcode'),
    {
      what: 'the span of the request that made the stream',
    },
  );
  expect(collector.authorization).toBe('Bearer of-the-collector');
  for (const secret of ['hunter2', 'secret-of-theirs', '/live.ts'])
    expect(collector.text).not.toContain(secret);
});
