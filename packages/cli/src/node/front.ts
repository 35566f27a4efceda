import type { GatewayOptions, NodeFigures } from '@streampool/gateway';
import type { Worker } from '@streampool/worker';
import type { Logger } from 'pino';
import type { Config } from '../config/settings.ts';
import type { JobsReport } from '../serve/jobs-report.ts';
import { urlProbe } from '../serve/probe-url.ts';
import { transcoding } from '../serve/transcoding.ts';
import type { DataPlane } from './data-plane.ts';
import type { NodeMeters } from './meters.ts';

/** What comes after the gateway, which shows it; undefined until then. */
export interface Behind {
  readonly worker: () => Worker | undefined;
  readonly jobs: () => JobsReport | undefined;
}

export type Front = Required<
  Pick<
    GatewayOptions,
    'figures' | 'meters' | 'pages' | 'onProvidersChanged' | 'recall' | 'transcode' | 'probe' | 'engine'
  >
>;

/** What every gateway is made of, whatever else a node has. Looks once what this machine can do. */
export async function front(
  { pages, slots, client, health, engine, timeouts }: DataPlane,
  { config, log, meters }: { config: Config; log: Logger; meters: NodeMeters },
  { worker, jobs }: Behind,
): Promise<Front> {
  return {
    engine,
    pages,
    figures(): NodeFigures | undefined {
      const figures = worker()?.figures();
      const report = jobs();
      return (
        figures && {
          worker: figures,
          upstream: client.stats(),
          openBreakers: health.open,
          providers: slots.figures(),
          ...(report && { jobs: report() }),
        }
      );
    },
    meters: meters.all(config),
    onProvidersChanged: () => slots.refresh(),
    recall: (...asked) => worker()?.recall(...asked) ?? [],
    transcode: await transcoding(config, log),
    probe: urlProbe(client, timeouts, config.defaultUserAgent),
  };
}
