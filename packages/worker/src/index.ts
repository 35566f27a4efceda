export { ControlDoor, type ControlDoorOptions } from './control-door.ts';
export { Peers, type PeersOptions } from './peers.ts';
export { livingWorkers, type PlacementQuery, place } from './placement.ts';
export { RelayDoor, type RelayDoorOptions } from './relay-door.ts';
export { RemoteOwnership, type RemoteOwnershipOptions } from './remote-ownership.ts';
export { ViewerPlacement, type ViewerPlacementOptions } from './viewer-placement.ts';
export { Worker, type WorkerFigures } from './worker.ts';
export type { WorkerHooks, WorkerOptions } from './worker-options.ts';
export { WorkerOwnership, type WorkerOwnershipOptions } from './worker-ownership.ts';
