export { createGateway, type Gateway } from './gateway.ts';
export { loggable } from './http/loggable-error.ts';
export type { NodeFigures } from './metrics/node-metrics.ts';
export type {
  GatewayConfig,
  GatewayFacts,
  GatewayOptions,
  NodeDoor,
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
