export { DEFAULT_GO_ON_POLICY, type GoOnPolicy } from './continuous-play.ts';
export { DirectSources } from './direct-sources.ts';
export { type DirectOptions, DirectViewer } from './direct-viewer.ts';
export type { ProviderTimeouts } from './provider-stream.ts';
