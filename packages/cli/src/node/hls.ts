import { SegmentMeter } from '@streampool/gateway';
import type { HlsResume } from '@streampool/hls';
import { HlsEdge, type HlsStream, type OpenedOrigin } from '@streampool/hls-edge';
import { HlsCache, HlsProxy } from '@streampool/hls-proxy';
import { Packager, SegmentStorage } from '@streampool/packager';
import type { ClusterOptions, SourceHealth, StreamEngine } from '@streampool/streaming';
import type { HttpUpstreamClient } from '@streampool/upstream';
import type { Logger } from 'pino';
import type { Config } from '../config/settings.ts';
import { engineSettings } from '../serve/from-config.ts';
import { edgeSettings, packagerSettings, segmentStorageOptions } from '../serve/hls-from-config.ts';
import type { Teardown } from '../serve/teardown.ts';
import type { NodeMeters } from './meters.ts';
import type { Networks } from './networks.ts';
import type { InstallationSecret } from './secrets.ts';

export interface HlsOptions {
  readonly config: Config;
  readonly secret: InstallationSecret;
  readonly client: HttpUpstreamClient;
  readonly health: SourceHealth;
  readonly engine: StreamEngine;
  readonly log: Logger;
  readonly teardown: Teardown;
  readonly meters: NodeMeters;
  readonly networks: Networks;
  readonly cluster?: ClusterOptions;
}

/** How a node answers HLS: from origins here where it owns a stream, else from the owner. */
export function openHls(options: HlsOptions): HlsEdge {
  const { config, secret, client, health, engine, log, teardown, networks, cluster } = options;
  const storage = new SegmentStorage({ ...segmentStorageOptions(config), log });
  options.meters.add(new SegmentMeter(() => storage.snapshot));
  const cache = new HlsCache({ budgetBytes: config.hlsCacheBytes });
  const tokenSecret = secret.key('hls proxy').toString('hex');
  const settings = engineSettings(config);

  const proxy = ({ spec }: HlsStream): OpenedOrigin => {
    const origin = new HlsProxy({
      ...{ spec, client, tokenSecret, settings, cache, health, log },
      emit: (event, ...args) => edge.emit(event, ...(args as never)),
    });
    return { origin, source: origin };
  };
  const packager = ({ spec, lowLatency }: HlsStream, how: { resume?: HlsResume }): OpenedOrigin => ({
    origin: new Packager({
      ...{ streamId: spec.id, storage, log, settings: packagerSettings(config) },
      tap: (sink) => engine.tap(spec, sink),
      ...(lowLatency && { lowLatency }),
      ...how,
    }),
  });
  const edge: HlsEdge = new HlsEdge({
    ...{ engine, log, settings: edgeSettings(config) },
    open: (stream, how) => {
      switch (stream.source) {
        case 'playlist':
          return proxy(stream);
        case 'programmes':
          return networks.open(stream, (event, ...args) => edge.emit(event, ...args), how.resume);
        case 'pool':
          return packager(stream, how);
      }
    },
    ...(cluster && { cluster }),
  });
  teardown.add('hls', async () => {
    await edge.close();
    await storage.close();
  });
  return edge;
}
