/**
 * The least that any server in Node can do: one buffer, written to every socket once per interval, over a few phases of
 * it. No source, no ring, nothing is checked. What it costs on this host at this moment is the floor under a figure.
 */

import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { makeSample, type SampleOptions, TsLoop } from '@streampool/testkit';

export interface FloorPlan {
  readonly sample: SampleOptions;
  readonly intervalMs: number;
}

const PHASES = 10;
const PACKET = 188;

process.once('message', async ({ sample: options, intervalMs }: FloorPlan) => {
  const sample = await makeSample(options);
  // After 16 rounds the continuity counters are where they began; timestamps are not, and nobody looks at them here.
  const loop = new TsLoop(sample);
  const bytes = Buffer.concat(Array.from({ length: 16 }, (_, round) => loop.render(round)));
  const step = Math.round(((loop.size / sample.seconds / 1_000) * intervalMs) / PACKET) * PACKET;
  const phases = Array.from({ length: PHASES }, () => ({ sockets: new Set<Socket>(), at: 0 }));
  let connections = 0;
  const server = createServer((socket) => {
    const phase = phases[connections++ % PHASES]!;
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n');
      phase.sockets.add(socket);
    });
    socket.on('error', () => {});
    socket.on('close', () => phase.sockets.delete(socket));
  });
  let tick = 0;
  setInterval(() => {
    const phase = phases[tick++ % PHASES]!;
    const slice = bytes.subarray(phase.at, phase.at + step);
    phase.at = phase.at + step >= bytes.length ? 0 : phase.at + step;
    for (const socket of phase.sockets) if (socket.writableLength === 0) socket.write(slice);
  }, intervalMs / PHASES);
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
});
process.on('disconnect', () => process.exit());
