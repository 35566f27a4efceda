import { continuityOf, NULL_PID, PACKET_SIZE, PAT_PID, pidOf } from '../packet.ts';
import type { AccessPoint, ProgramMap } from '../types.ts';
import { buildDiscontinuityPacket } from './packets.ts';

/**
 * What a viewer gets before the tables of an access point it was moved to: one packet per PID that says
 * that its continuity counter, and the clock, may jump. Such a packet has no payload, so the counter in it is the one
 * *before* the next packet's; where the point does not tell it, decoders fall back on the indicator.
 */
export function discontinuityPackets(
  map: ProgramMap,
  point?: Pick<AccessPoint, 'tables' | 'continuity'>,
): Buffer {
  const before = new Map(point?.continuity);
  const tables = point?.tables ?? Buffer.alloc(0);
  for (let at = tables.length - PACKET_SIZE; at >= 0; at -= PACKET_SIZE) {
    before.set(pidOf(tables, at), continuityOf(tables, at) - 1);
  }
  const streams = map.streams.map((stream) => stream.pid);
  const pids = new Set([PAT_PID, map.pmtPid, map.pcrPid, ...streams, ...before.keys()]);
  pids.delete(NULL_PID);
  return Buffer.concat([...pids].map((pid) => buildDiscontinuityPacket(pid, before.get(pid) ?? 0)));
}
