import { StreampoolError } from '@streampool/errors';
import type { Config } from '../config/settings.ts';

/** What a node of a cluster cannot be without. */
export interface ClusterConfig {
  /** Of this process, in records. */
  readonly nodeId: string;
  readonly redisUrl: string;
  readonly internalToken: string;
}

/** @throws StreampoolError CONFIG_INVALID naming everything that is missing */
export function clusterConfig(config: Config, { hasOwnId }: { hasOwnId: boolean }): ClusterConfig {
  const redisUrl = redisUrlOf(config);
  const { internalToken, workerId, port } = config;
  const missing = [
    redisUrl === undefined && 'REDIS_URL must be set (or REDIS_ENABLED=true, with REDIS_HOST and the like)',
    internalToken === undefined &&
      'INTERNAL_TOKEN must be set, to the same secret on all gateways and workers of the cluster',
  ].filter((problem) => problem !== false);
  if (redisUrl === undefined || internalToken === undefined) {
    throw new StreampoolError('CONFIG_INVALID', missing.join('\n'));
  }
  // Several nodes of one host have its name in common; a port is one process's own.
  const nodeId = hasOwnId ? workerId : `${workerId}-${port === 0 ? process.pid : port}`;
  return { nodeId, redisUrl, internalToken };
}

function redisUrlOf(config: Config): string | undefined {
  if (config.redisUrl !== undefined) return config.redisUrl;
  if (!config.redisEnabled) return undefined;
  const { redisHost, redisPort, redisDb, redisPassword } = config;
  const login = redisPassword === undefined ? '' : `:${encodeURIComponent(redisPassword)}@`;
  const host = redisHost.includes(':') ? `[${redisHost}]` : redisHost;
  return `redis://${login}${host}:${redisPort}/${redisDb}`;
}
