import { loggable } from '@streampool/gateway';
import { redactText } from '@streampool/redaction';
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { Config } from '../config/settings.ts';

/** A reader of the log that stalls must not hold up the pictures: beyond this, lines are dropped. */
const MAX_UNWRITTEN_BYTES = 4 * 1024 * 1024;

export interface ProcessLog {
  readonly log: Logger;
  /** Writes what is still in memory, for the moment before the process ends. Never throws. */
  flush(): void;
}

/** The log of the process, on stderr: stdout is for what the command has to say. */
export async function processLog(config: Pick<Config, 'logLevel' | 'logFormat'>): Promise<ProcessLog> {
  const asText = config.logFormat === 'text' || (config.logFormat === 'auto' && process.stderr.isTTY);
  if (asText) {
    const { default: pretty } = await import('pino-pretty');
    const stream = pretty({
      destination: 2,
      sync: true,
      ignore: 'pid,hostname',
      translateTime: 'SYS:HH:MM:ss.l',
    });
    return { log: redactingLogger(config.logLevel, stream), flush: () => {} };
  }
  const stream = destination({ dest: 2, sync: false, maxLength: MAX_UNWRITTEN_BYTES });
  return {
    log: redactingLogger(config.logLevel, stream),
    flush() {
      try {
        stream.flushSync();
      } catch {
        // Not open yet, or nobody reads: there is no place left to say so.
      }
    },
  };
}

/** A logger whose lines hold no credentials in URLs, whatever its callers pass. */
export function redactingLogger(level: string, stream: DestinationStream): Logger {
  return pino(
    {
      level,
      serializers: { err: loggable },
      hooks: { streamWrite: redactLine },
      // Containers and hosts say where a line comes from; which process it was, the pid tells.
      base: { pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    stream,
  );
}

/**
 * The last net: whoever logs redacts what it knows to be a URL, and this catches the rest. It works between backslashes,
 * so that an escaped quote of the JSON around a URL is never taken for a part of it.
 */
function redactLine(line: string): string {
  return line.includes('://') ? line.replace(/[^\\]+/g, redactText) : line;
}
