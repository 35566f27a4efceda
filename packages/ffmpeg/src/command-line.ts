import { StreampoolError } from '@streampool/errors';

/** Stands for the input's URL in resolved arguments: the URL of the loopback door is known only when FFmpeg starts. */
export const INPUT_PLACEHOLDER = '{input_url}';

/**
 * What FFmpeg may open while it reads its input: the loopback door, and what an HLS playlist from there may need
 * (`crypto` for AES-128 segments, `data` for keys and maps inside the playlist). No files, no other sockets.
 */
export const INPUT_PROTOCOLS = 'http,tcp,crypto,data';

/**
 * The resolved arguments with the input's URL put in its place and the protocols limited.
 * @param inputUrl an http URL of the loopback door
 */
export function commandLine(args: readonly string[], inputUrl: string): string[] {
  const place = args.findIndex((arg, index) => arg === INPUT_PLACEHOLDER && args[index - 1] === '-i');
  if (place < 0)
    throw new StreampoolError('TEMPLATE_INVALID', `no '-i ${INPUT_PLACEHOLDER}' in the arguments`);
  return [
    ...args.slice(0, place - 1),
    '-protocol_whitelist',
    INPUT_PROTOCOLS,
    '-i',
    inputUrl,
    ...args.slice(place + 1),
  ];
}
