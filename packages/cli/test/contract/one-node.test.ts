import { Stage } from '../e2e/stage.ts';
import { describeApi } from './api.contract.ts';
import { describeEditor } from './editor.contract.ts';
import { type Site, TOKEN } from './site-client.ts';
import { describeWatching } from './watching.contract.ts';

const stage = new Stage();
beforeAll(() =>
  stage.open({ env: { API_TOKEN: TOKEN, TRUSTED_PROXIES: 'loopback', HEARTBEAT_INTERVAL: '1' } }),
);
afterEach(() => stage.mustRun());
afterAll(() => stage.close());

const site = (): Site => ({
  gateways: [stage.server],
  provider: stage.provider,
  live: (path) => stage.provider.live(path, stage.sample, { start: 'keyframe' }),
  hls: (directory) => stage.provider.hls(directory, stage.sample),
});
describeApi('one node', site);
describeWatching('one node', site);
describeEditor('one node', site);
