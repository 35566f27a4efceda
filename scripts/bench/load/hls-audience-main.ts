/** Viewers of HLS as a process of their own: takes orders from the benchmark over IPC, and ends with it. */
import { HlsAudience, type HlsLoad } from './hls-audience.ts';

export type HlsAudienceOrder =
  | { readonly order: 'start'; readonly load: HlsLoad }
  | { readonly order: 'reset' | 'report' | 'stop' };

const audience = new HlsAudience();

process.on('message', async (message: HlsAudienceOrder) => {
  if (message.order === 'start') audience.start(message.load);
  if (message.order === 'reset') audience.reset();
  const report = audience.report();
  if (message.order === 'stop') await audience.stop();
  process.send?.(report);
});
process.on('disconnect', () => process.exit());
