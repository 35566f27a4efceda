export { createGateway, type Gateway } from './gateway.ts';
export { loggable } from './http/loggable-error.ts';
export { ClusterMeter } from './metrics/cluster-meter.ts';
export { DiskMeter } from './metrics/disk-meter.ts';
export { DurationHistogram, type Meter } from './metrics/duration-histogram.ts';
export { JobMeter, type QueueSizes } from './metrics/job-meter.ts';
export type { NodeFigures } from './metrics/node-metrics.ts';
export { StateMeter } from './metrics/state-meter.ts';
export type {
  GatewayConfig,
  GatewayFacts,
  GatewayOptions,
  NodeDoor,
  PageApi,
  Peers,
  ProbeUrl,
  ProfileSummary,
  Recall,
  ResolvedTranscode,
  TranscodeAbilities,
  TranscodeApi,
  TranscodeRequest,
  ViewerRedirect,
} from './options.ts';
export { streamSpec } from './streams/stream-spec.ts';
