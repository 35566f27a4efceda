import { ClusterStage } from '../cluster/cluster-stage.ts';
import { describeApi } from './api.contract.ts';
import { describeEditor } from './editor.contract.ts';
import { type Site, TOKEN } from './site-client.ts';
import { describeWatching } from './watching.contract.ts';

const stage = new ClusterStage();
beforeAll(() =>
  stage.open({ gateways: 2, workers: 2, env: { API_TOKEN: TOKEN, TRUSTED_PROXIES: 'loopback' } }),
);
afterAll(() => stage.close());

const site = (): Site => ({
  gateways: stage.gateways,
  provider: stage.provider,
  live: (path) => stage.provider.live(path, stage.sample, { start: 'keyframe' }),
  hls: (directory) => stage.provider.hls(directory, stage.sample),
});
describeApi('a cluster', site);
describeWatching('a cluster', site);
describeEditor('a cluster', site);
