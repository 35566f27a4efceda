import { type GatewayOptions, HlsMeter, type NodeFigures } from '@streampool/gateway';
import type { Worker } from '@streampool/worker';
import type { Logger } from 'pino';
import type { Config } from '../config/settings.ts';
import type { JobsReport } from '../serve/jobs-report.ts';
import { urlProbe } from '../serve/probe-url.ts';
import type { Teardown } from '../serve/teardown.ts';
import { transcoding } from '../serve/transcoding.ts';
import type { DataPlane } from './data-plane.ts';
import { hlsFigures } from './hls-figures.ts';
import type { NodeMeters } from './meters.ts';
import { openTokens } from './token-file.ts';
import type { Webhooks } from './webhooks.ts';

/** What comes after the gateway, which shows it; undefined until then. */
export interface Behind {
  readonly worker: () => Worker | undefined;
  readonly jobs: () => JobsReport | undefined;
}

export type Front = Required<
  Pick<
    GatewayOptions,
    | 'figures'
    | 'meters'
    | 'hls'
    | 'pages'
    | 'onProvidersChanged'
    | 'recall'
    | 'transcode'
    | 'probe'
    | 'engine'
    | 'tokens'
    | 'events'
    | 'webhooks'
  >
>;

/** What every gateway is made of, whatever else a node has. Looks once what this machine can do. */
export async function front(
  { pages, slots, client, health, engine, hls, timeouts }: DataPlane,
  {
    config,
    log,
    meters,
    webhooks,
    teardown,
  }: { config: Config; log: Logger; meters: NodeMeters; webhooks: Webhooks; teardown: Teardown },
  { worker, jobs }: Behind,
): Promise<Front> {
  const { tokens, close } = await openTokens(config, log);
  teardown.add('tokens', async () => close());
  return {
    engine,
    tokens,
    hls,
    pages,
    figures(): NodeFigures | undefined {
      const figures = worker()?.figures();
      const report = jobs();
      return (
        figures && {
          worker: figures,
          upstream: client.stats(),
          openBreakers: health.open,
          ...hlsFigures(hls),
          providers: slots.figures(),
          ...(report && { jobs: report() }),
        }
      );
    },
    meters: [...meters.all(config), new HlsMeter(hls), webhooks.meter],
    events: webhooks.events,
    webhooks: webhooks.sender,
    onProvidersChanged: () => slots.refresh(),
    recall: (...asked) => worker()?.recall(...asked) ?? [],
    transcode: await transcoding(config, log),
    probe: urlProbe(client, timeouts, config.defaultUserAgent),
  };
}
