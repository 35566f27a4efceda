import { isStreampoolError } from '@streampool/errors';
import type { Logger } from 'pino';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { NAMES_WITHOUT_EFFECT, setWithoutEffect } from '../config/names-without-effect.ts';
import type { Config, SettingName } from '../config/settings.ts';
import { LogLevel } from '../output/log-level.ts';
import { processLog } from '../output/logger.ts';
import { greeting, writeReadyFile } from '../serve/announce.ts';
import { OrderlyStop } from '../serve/orderly-stop.ts';
import { type RunningServer, serve } from '../serve/serve.ts';
import { onShutdownSignal } from '../serve/shutdown-signals.ts';
import { version } from '../version.ts';

/** What a command runs. */
export interface Role {
  readonly start: (loaded: LoadedConfig, log: Logger, logLevel: LogLevel) => Promise<RunningServer>;
  /** Printed when it takes requests. */
  readonly greeting: (config: Config, port: number) => string;
  readonly usesRedis: boolean;
}

const SERVE: Role = {
  start: ({ config }, log, logLevel) => serve(config, { log, version, logLevel }),
  greeting: (config, port) => greeting(config, port, version),
  usesRedis: false,
};

export interface ServeOptions {
  /** Settings of the command line. */
  readonly overrides: Readonly<Partial<Record<SettingName, string>>>;
  readonly readyFile?: string;
}

/** Runs until a signal ends it. Resolves with the exit code. @throws StreampoolError CONFIG_INVALID before anything is started */
export async function serveCommand(options: ServeOptions, role: Role = SERVE): Promise<number> {
  const loaded = loadConfig({ env: process.env, directory: process.cwd(), overrides: options.overrides });
  const { config } = loaded;
  const { log, flush } = await processLog(config);
  process.on('exit', flush);

  const { promise: exitCode, resolve: exit } = Promise.withResolvers<number>();
  const crash = (error: unknown): void => {
    log.fatal({ err: error }, 'uncaught error: ending');
    flush();
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);

  warnOfNamesWithoutEffect(loaded, log, role);
  const logLevel = new LogLevel({ log });
  // For when the API cannot be reached, or has no answer.
  process.on('SIGUSR2', () => logLevel.toggle());
  const starting = role.start(loaded, log, logLevel);
  let stopping: OrderlyStop | undefined;
  const stop = (reason: string): void => {
    if (stopping) return;
    log.info({ reason, deadlineMs: config.shutdownTimeoutMs }, 'shutting down');
    const givesNotice = reason !== 'SIGINT';
    stopping = new OrderlyStop({ starting, givesNotice, deadlineMs: config.shutdownTimeoutMs, exit, log });
  };
  const stopListening = onShutdownSignal({
    stop,
    hurry: () => stopping?.hurry() ?? false,
    stopNow(code) {
      log.warn('ending at once');
      flush();
      process.exit(code);
    },
  });
  try {
    const { port, dismissed } = await starting;
    void dismissed?.then(stop);
    log.info({ host: config.host, port, version }, 'ready');
    // Whoever asks for JSON reads both outputs with a program, as containers' logs are; "ready" above says the same.
    if (config.logFormat !== 'json') process.stdout.write(role.greeting(config, port));
    if (options.readyFile !== undefined) await writeReadyFile(options.readyFile, config, port);
  } catch (error) {
    if (!isStreampoolError(error)) throw error;
    log.debug({ err: error }, 'cannot start');
    flush();
    throw error;
  }
  const code = await exitCode;
  stopListening();
  log.info('ended');
  flush();
  return code;
}

function warnOfNamesWithoutEffect({ env }: LoadedConfig, log: Logger, { usesRedis }: Role): void {
  for (const name of setWithoutEffect(env)) {
    if (usesRedis && name.startsWith('REDIS_')) continue;
    log.warn({ setting: name }, `${name} has no effect: ${NAMES_WITHOUT_EFFECT[name]}`);
  }
}
