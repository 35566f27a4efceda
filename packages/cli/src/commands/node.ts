import { clusterConfig } from '../cluster/cluster-config.ts';
import { type NodeRole, runNode } from '../cluster/node.ts';
import { baseUrl } from '../serve/announce.ts';
import { version } from '../version.ts';
import { type ServeOptions, serveCommand } from './serve.ts';

/** Runs one node of a cluster until a signal ends it. Resolves with the exit code. @throws StreampoolError CONFIG_INVALID */
export function nodeCommand(role: NodeRole, options: ServeOptions): Promise<number> {
  return serveCommand(options, {
    usesRedis: true,
    start: async ({ config, sources }, log, logLevel) => {
      const cluster = clusterConfig(config, { hasOwnId: sources.workerId !== 'default' });
      return runNode({ role, config, cluster, log, version, logLevel });
    },
    greeting: (config, port) => `Streampool ${version}: ${role} at ${baseUrl(config, port)}\n`,
  });
}
