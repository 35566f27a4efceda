export { Admission, type AdmissionOptions } from './admission.ts';
export { ControlDoor, type ControlDoorOptions } from './control-door.ts';
export { Departure, type DepartureOptions } from './departure.ts';
export { Drain, type DrainOptions, type DrainOutcome } from './drain.ts';
export { HlsRelayDoor, type HlsRelayDoorOptions } from './hls-relay-door.ts';
export { type LogLevelState, OperatorDoor, type OperatorDoorOptions } from './operator-door.ts';
export { Peers, type PeersOptions } from './peers.ts';
export { livingWorkers, noPlace, type PlacementQuery, place } from './placement.ts';
export { PlayingStreams } from './playing-streams.ts';
export { RelayDoor, type RelayDoorOptions } from './relay-door.ts';
export { RemoteOwnership, type RemoteOwnershipOptions } from './remote-ownership.ts';
export { ProviderHosts } from './slots/provider-hosts.ts';
export { SlotDoor, type SlotDoorOptions } from './slots/slot-door.ts';
export {
  type HandOver,
  type ProviderFigures,
  SlotKeeper,
  type SlotKeeperOptions,
} from './slots/slot-keeper.ts';
export { SlotPeers, type SlotPeersOptions } from './slots/slot-peers.ts';
export { ViewerPlacement, type ViewerPlacementOptions } from './viewer-placement.ts';
export { Worker } from './worker.ts';
export type { WorkerFigures } from './worker-figures.ts';
export type { WorkerHooks, WorkerOptions } from './worker-options.ts';
export { WorkerOwnership, type WorkerOwnershipOptions } from './worker-ownership.ts';
