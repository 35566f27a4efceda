import type { Socket } from 'node:net';

/**
 * Closes a connection at once, by RST where that can be. Idempotent; 'close' follows in any case.
 *
 * While the end of what was written is being sent, libuv refuses to reset (EINVAL), and Node then drops the handle
 * without closing it: no 'close' ever, and a descriptor lost. Nothing is left to throw away then, so a plain close does.
 */
export function resetSocket(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (isEnding) socket.destroy();
  else socket.resetAndDestroy();
}
