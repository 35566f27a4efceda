import { type StreampoolOptions, type StreampoolProcess, startStreampool } from '@streampool/testkit';

/** The product as operators run it, with the address guard opened for a provider on this machine. */
export function startServer(
  env: Readonly<Record<string, string>> = {},
  options: Omit<StreampoolOptions, 'env'> = {},
): Promise<StreampoolProcess> {
  return startStreampool({ ...options, env: { LOG_LEVEL: 'warn', NODE_ENV: 'production', ...env } });
}
