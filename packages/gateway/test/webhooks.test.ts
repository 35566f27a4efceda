import { HttpUpstreamClient } from '@streampool/upstream';
import { verifySignature, WebhookSender } from '@streampool/webhooks';
import { TestReceiver } from '../../webhooks/test/receiver.ts';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

let receiver: TestReceiver;

beforeEach(async () => {
  receiver = await TestReceiver.start();
});

afterEach(async () => {
  await closeAll();
  await receiver.close();
});

function start(): Promise<GatewayUnderTest> {
  const policy = { access: 'lan' as const };
  const webhooks = new WebhookSender({ client: new HttpUpstreamClient({ policy }), policy, version: 'test' });
  return GatewayUnderTest.start({}, { webhooks });
}

test('a webhook as m3u-proxy’s clients add, list, test and remove it', async () => {
  const gateway = await start();
  const url = `${receiver.url}/hook`;
  const added = await json(
    gateway.send('POST', '/webhooks', { url, events: ['stream_started', 'stream_failed'] }),
  );
  expect(added).toMatchObject({
    message: 'Webhook added successfully',
    webhook_url: url,
    events: ['stream_started', 'stream_failed'],
    timeout: 10,
    retry_attempts: 3,
    secret: expect.stringMatching(/^whsec_/),
  });
  const { webhooks } = await json(gateway.get('/webhooks'));
  expect(webhooks).toMatchObject([
    {
      id: added.id,
      url,
      events: ['stream_started', 'stream_failed'],
      timeout: 10,
      retry_attempts: 3,
      dead_letters: 0,
    },
  ]);
  const tested = await gateway.send('POST', `/webhooks/test?webhook_url=${encodeURIComponent(url)}`);
  expect(await json(tested)).toMatchObject({ message: `Test event sent to ${url}`, status: 200 });
  const [sent] = receiver.received;
  expect(sent?.json).toMatchObject({ event_type: 'stream_started', data: { test: true } });
  const claim = { secret: added.secret, body: sent?.body ?? '', nowSeconds: Date.now() / 1000 };
  expect(verifySignature(String(sent?.headers['x-streampool-signature']), claim)).toBe(true);
  const path = `/webhooks?webhook_url=${encodeURIComponent(url)}`;
  expect((await gateway.send('DELETE', path)).status).toBe(200);
  expect((await gateway.send('DELETE', path)).status).toBe(404);
  expect((await gateway.send('POST', '/webhooks/test', { webhook_url: url })).status).toBe(404);
  expect((await gateway.send('DELETE', '/webhooks')).status).toBe(422);
  expect(await json(gateway.get('/webhooks'))).toEqual({ webhooks: [], total: 0 });
});

test('the same URL again changes what is there; secrets are shown once and nowhere else', async () => {
  const gateway = await start();
  const url = 'http://alice:hunter2@127.0.0.1:9/hook?token=hunter2';
  const body = { url, headers: { 'X-Whatever': 'hunter2', Gone: null }, secret: 'hunter2-hunter2-hunter2' };
  const first = await json(gateway.send('POST', '/webhooks', body));
  expect(first.secret).toBe('hunter2-hunter2-hunter2');
  expect(first.events).toContain('client_connected');
  expect((await json(gateway.send('POST', '/webhooks', { ...body, events: [] }))).events).toEqual(
    first.events,
  );
  const second = await json(
    gateway.send('POST', '/webhooks', { url, events: ['*'], retry_attempts: 0, metadata: { group: 'news' } }),
  );
  expect(second).toMatchObject({ id: first.id, secret: null, events: ['*'], retry_attempts: 0, headers: {} });
  await gateway.send('POST', '/webhooks', { ...body, secret: undefined });
  const listed = JSON.stringify(await json(gateway.get('/webhooks')));
  expect(listed).not.toContain('hunter2');
  expect(listed).toContain('"X-Whatever":"***"');
  expect((await gateway.state.listWebhooks())[0]).toMatchObject({ secret: body.secret, url });
  expect(gateway.logged.join('')).not.toContain('hunter2');
});

test.each([
  [{ url: 'ftp://x/' }, 'url'],
  [{ url: 'http://127.0.0.1/', events: ['nonsense'] }, 'events.0'],
  [{ url: 'http://127.0.0.1/', timeout: 0 }, 'timeout'],
  [{ url: 'http://127.0.0.1/', retry_attempts: -1 }, 'retry_attempts'],
  [{ url: 'http://127.0.0.1/', secret: 'short' }, 'secret'],
  [{ url: 'http://127.0.0.1/', headers: { 'a b': 'c' } }, 'headers'],
  [{ url: 'http://169.254.169.254/latest/meta-data' }, 'metadata'],
])('%j is refused with 422', async (body, said) => {
  const gateway = await start();
  const answer = await gateway.send('POST', '/webhooks', body);
  expect(answer.status).toBe(422);
  expect((await json(answer)).detail).toContain(said);
});

test('dead letters are listed with the reason, sent again, and forgotten', async () => {
  const gateway = await start();
  const { id: webhookId } = await json(gateway.send('POST', '/webhooks', { url: receiver.url }));
  const event = {
    id: '7',
    type: 'stream_failed' as const,
    streamId: 's1',
    atMs: 1_000,
    data: { failoverIndex: 1 },
  };
  for (const id of ['a.1', 'a.2'])
    await gateway.state.keepDeadLetter({ id, webhookId, event, attempts: 4, error: 'it answered 500' });
  const listed = await json(gateway.get('/webhooks/dead-letters'));
  expect(listed.total).toBe(2);
  expect(listed.dead_letters[0]).toMatchObject({
    webhook_id: webhookId,
    attempts: 4,
    error: 'it answered 500',
    event: { event_id: '7', event_type: 'stream_failed', data: { failover_index: 1 } },
  });
  expect((await json(gateway.get('/webhooks'))).webhooks[0].dead_letters).toBe(2);
  expect((await json(gateway.get('/webhooks/dead-letters?webhook_id=x'))).total).toBe(0);

  receiver.answer = () => 503;
  const refused = await gateway.send('POST', '/webhooks/dead-letters/a.1/resend');
  expect(refused.status).toBe(502);
  expect(await json(refused)).toMatchObject({ code: 'WEBHOOK_NOT_DELIVERED' });
  expect(await gateway.state.getDeadLetter('a.1')).toMatchObject({ attempts: 5 });
  receiver.answer = () => 202;
  const sent = await json(gateway.send('POST', '/webhooks/dead-letters/a.1/resend'));
  expect(sent).toMatchObject({ id: 'a.1', status: 202 });
  expect((await gateway.send('POST', '/webhooks/dead-letters/a.1/resend')).status).toBe(404);
  expect((await gateway.send('DELETE', '/webhooks/dead-letters/a.2')).status).toBe(200);
  expect((await gateway.send('DELETE', '/webhooks/dead-letters/a.2')).status).toBe(404);
  expect((await json(gateway.get('/webhooks/dead-letters'))).total).toBe(0);
  expect((await gateway.send('DELETE', `/webhooks/${webhookId}`)).status).toBe(200);
});
