export { HlsAudience, type HlsViewer } from './audience/audience.ts';
export { type SendOptions, sendBody } from './body/send-body.ts';
export { type EdgeFigures, HlsEdge } from './edge.ts';
export type { CacheOutcome, Served } from './edge-stream.ts';
export {
  DEFAULT_EDGE_SETTINGS,
  type EdgeSettings,
  type HlsEdgeOptions,
  type HlsSource,
  type HlsStream,
  type OpenedOrigin,
  type PlayedSource,
} from './options.ts';
export { answerHeaders, readAnswer, readResume, WIRE } from './owner/wire.ts';
