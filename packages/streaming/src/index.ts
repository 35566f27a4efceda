export type { EmitEngineEvent, StreamCarrier } from './carrier.ts';
export { type Attempt, type ChainPolicy, DEFAULT_CHAIN_POLICY } from './chain-options.ts';
export { Breakers } from './choice/breakers.ts';
export { type AttemptRecord, Candidates } from './choice/candidates.ts';
export { Failback } from './choice/failback.ts';
export { PoolChoice } from './choice/pool-choice.ts';
export { type ResolverUse, resolverOf } from './choice/resolver.ts';
export {
  type HealthReport,
  type HealthStore,
  type HealthView,
  SharedHealth,
  type SharedHealthOptions,
} from './choice/shared-health.ts';
export type { SourceHealth } from './choice/source-health.ts';
export { SourceList } from './choice/source-list.ts';
export { type Verdict, verdictOf } from './choice/verdict.ts';
export { type Clock, systemClock } from './clock.ts';
export {
  DEFAULT_DETECTION_SETTINGS,
  type DetectionOverrides,
  type DetectionSettings,
} from './detection/detection-settings.ts';
export * from './drill/drill-api.ts';
export type * from './engine-api.ts';
export { DEFAULT_ENGINE_SETTINGS, type EngineSettings } from './engine-settings.ts';
export type { FoundMedia } from './media-finder.ts';
export type * from './notes.ts';
export { PoolStateMachine } from './pool-state.ts';
export type * from './relay/ownership.ts';
export type { RelayPosition, RelayRequest } from './relay/relay-feed.ts';
export { StreamEngine, type StreamEngineOptions } from './stream-engine.ts';
export type * from './tap/tap.ts';
export type { InputDoor } from './transcode/transcode-input.ts';
