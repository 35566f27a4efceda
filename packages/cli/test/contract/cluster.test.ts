import { ClusterStage } from '../cluster/cluster-stage.ts';
import { describeApi, TOKEN } from './api.contract.ts';

const stage = new ClusterStage();
beforeAll(
  () => stage.open({ gateways: 2, workers: 2, env: { API_TOKEN: TOKEN, TRUSTED_PROXIES: 'loopback' } }),
  60_000,
);
afterAll(() => stage.close(), 30_000);

describeApi('a cluster', () => ({
  gateways: stage.gateways,
  provider: stage.provider,
  live: (path) => stage.provider.live(path, stage.sample, { start: 'keyframe' }),
  hls: (directory) => stage.provider.hls(directory, stage.sample),
}));
