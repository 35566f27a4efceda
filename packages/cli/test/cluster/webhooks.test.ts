import { api, metric, waitFor } from '@streampool/testkit';
import { TestReceiver } from '../../../webhooks/test/receiver.ts';
import { ClusterStage } from './cluster-stage.ts';

const stage = new ClusterStage();
let receiver: TestReceiver;

beforeAll(async () => {
  receiver = await TestReceiver.start();
  await stage.open({ gateways: 1, workers: 2 });
});
afterAll(async () => {
  await stage.close();
  await receiver.close();
});

const failed = (n: number) => ({ type: 'stream_failed' as const, streamId: 's', data: { n } });
const told = (): number[] => receiver.received.map(({ json }) => json.data.n as number);

test('kill -9 of a worker in mid-delivery loses nothing, and what was delivered before does not come again', async () => {
  const [gateway] = stage.gateways;
  expect((await api(gateway!, 'POST', '/webhooks', { url: receiver.url, timeout: 60 })).status).toBe(200);
  for (let n = 1; n <= 5; n++) await stage.state.publish(failed(n));
  await receiver.until((all) => all.length === 5);
  // The next one is taken by the socket, and never answered.
  receiver.answer = () => undefined;
  await stage.state.publish(failed(6));
  await receiver.until((all) => all.length === 6);
  const busy = await waitFor(
    async () => {
      for (const worker of stage.workers)
        if ((await metric(worker, 'streampool_webhook_running')) === 1) return worker;
      return undefined;
    },
    { what: 'a worker to have a delivery under way' },
  );
  await busy.kill();
  receiver.answer = () => 200;
  for (let n = 7; n <= 9; n++) await stage.state.publish(failed(n));
  // The lock of the delivery, or the right to hand events on, runs out.
  await receiver.until((all) => all.length === 10, 40_000);
  await stage.state.publish(failed(10));
  await receiver.until((all) => all.length === 11, 40_000);
  expect(told().slice(0, 5).toSorted()).toEqual([1, 2, 3, 4, 5]);
  expect(
    told()
      .slice(5)
      .toSorted((a, b) => a - b),
  ).toEqual([6, 6, 7, 8, 9, 10]);
  const [first, second] = receiver.received.filter(({ json }) => json.data.n === 6);
  expect(second?.json.event_id).toBe(first?.json.event_id);
  expect((await api(gateway!, 'GET', '/webhooks/dead-letters')).body).toMatchObject({ total: 0 });
});
