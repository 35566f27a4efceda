export { type LoadedConfig, type LoadOptions, loadConfig } from './config/load.ts';
export { type Config, configSchema } from './config/settings.ts';
export { type RunningServer, serve } from './serve/serve.ts';
