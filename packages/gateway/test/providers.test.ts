import { GatewayUnderTest, json } from './gateway-under-test.ts';

let it: GatewayUnderTest;
beforeEach(async () => {
  it = await GatewayUnderTest.start();
});
afterEach(() => it.close());

const holder = { node: 'w1', life: 'a', streamId: 'abc', priority: 2 };

test('a provider is put, shown with who has its connections, and deleted', async () => {
  const put = await json(
    it.send('PUT', '/providers/acme', { hosts: ['TV.example.org'], max_connections: 2, settle: 0.5 }),
  );
  const shown = {
    provider_id: 'acme',
    hosts: ['tv.example.org'],
    max_connections: 2,
    preempt: false,
    settle: 0.5,
  };
  expect(put).toEqual({ ...shown, origin: 'api', slots_in_use: 0, slots: [] });
  const viewer = { clientId: 'c1', ip: '192.0.2.7', userAgent: 'VLC', username: 'ann' };
  await it.state.takeSlot({ providerId: 'acme', lease: 'l1', holder: { ...holder, viewer } });
  await it.state.takeSlot({ providerId: 'acme', lease: 'l2', holder: { ...holder, streamId: '' } });
  const slot = { node: 'w1', priority: 2, since: expect.any(String), promised: false };
  expect(await json(it.get('/providers'))).toMatchObject({
    total: 1,
    providers: [
      {
        ...shown,
        slots_in_use: 2,
        slots: [
          {
            ...{ ...slot, lease: 'l1', stream_id: 'abc' },
            viewer: { client_id: 'c1', ip_address: '192.0.2.7', username: 'ann' },
          },
          { ...slot, lease: 'l2', stream_id: null, viewer: null },
        ],
      },
    ],
  });
  expect(await json(it.send('DELETE', '/providers/acme'))).toEqual({ provider_id: 'acme', deleted: true });
  expect(await json(it.send('DELETE', '/providers/acme'))).toMatchObject({ code: 'PROVIDER_NOT_FOUND' });
});

test.each([
  [{ hosts: ['http://tv.example.org/'], max_connections: 1 }, 'hosts'],
  [{ hosts: ['tv.*.org'], max_connections: 1 }, 'hosts'],
  [{ hosts: ['tv.example.org'] }, 'max_connections'],
  [{ max_connections: -1 }, 'max_connections'],
])('what cannot be a provider is refused, saying what is wrong: %j', async (body, where) => {
  const refusal = await json(it.send('PUT', '/providers/acme', body));
  expect(refusal).toMatchObject({ code: 'VALIDATION_FAILED' });
  expect(JSON.stringify(refusal)).toContain(where);
  expect(await json(it.get('/providers'))).toEqual({ providers: [], total: 0 });
});
