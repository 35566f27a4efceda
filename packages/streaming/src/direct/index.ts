export { type DirectOptions, DirectViewer } from './direct-viewer.ts';
export type { ProviderTimeouts } from './provider-stream.ts';
