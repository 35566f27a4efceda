import type { ClusterState } from '@streampool/state';

/** Whether another gateway is alive that takes viewers. @throws StreampoolError STATE_UNAVAILABLE */
export async function hasOtherGateway(
  state: Pick<ClusterState, 'listWorkers'>,
  { self, leaseMs }: { self: string; leaseMs: number },
): Promise<boolean> {
  const nodes = await state.listWorkers();
  // Heartbeats are the store's times; the newest of them stands for its clock.
  const newest = Math.max(...nodes.map(({ heartbeatMs }) => heartbeatMs));
  return nodes.some(
    ({ id, role, status, heartbeatMs }) =>
      id !== self && role === 'gateway' && status === 'ready' && newest - heartbeatMs < leaseMs,
  );
}
