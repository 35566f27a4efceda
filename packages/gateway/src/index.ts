export { type ApiToken, type ApiTokens, SCOPES, type Scope, TokenBook } from './access/api-tokens.ts';
export {
  type RateLimit,
  type RateLimitSettings,
  RateLimits,
  type RateLimitsOptions,
} from './access/rate-limits.ts';
export type { NodeReport } from './figures/node-report.ts';
export { createGateway, type Gateway } from './gateway.ts';
export { hlsStreamOf } from './hls/hls-stream.ts';
export { loggable } from './http/loggable-error.ts';
export { ClusterMeter } from './metrics/cluster-meter.ts';
export { DiskMeter } from './metrics/disk-meter.ts';
export { DurationHistogram, type Meter } from './metrics/duration-histogram.ts';
export { HlsMeter } from './metrics/hls-metrics.ts';
export { JobMeter, type QueueSizes } from './metrics/job-meter.ts';
export type { NodeFigures } from './metrics/node-metrics.ts';
export { SegmentMeter } from './metrics/segment-meter.ts';
export { StateMeter } from './metrics/state-meter.ts';
export { type WebhookFigures, WebhookMeter } from './metrics/webhook-metrics.ts';
export type {
  GatewayConfig,
  GatewayFacts,
  GatewayOptions,
  LogLevelControl,
  NodeDoor,
  NodeLogLevel,
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
