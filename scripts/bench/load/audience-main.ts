/** The audience as a process of its own: takes orders from the benchmark over IPC, and ends with it. */
import { Audience, type ConnectOptions } from './audience.ts';

export type AudienceOrder =
  | { readonly order: 'connect'; readonly options: ConnectOptions }
  | { readonly order: 'disconnect'; readonly options: { group?: string; count?: number } }
  | { readonly order: 'reset' }
  | { readonly order: 'report' }
  | { readonly order: 'gaps' };

const audience = new Audience();

process.on('message', async ({ id, ...message }: AudienceOrder & { id: number }) => {
  const order = message as AudienceOrder;
  if (order.order === 'connect') await audience.connect(order.options);
  if (order.order === 'disconnect') audience.disconnect(order.options);
  if (order.order === 'reset') audience.reset();
  const gaps = order.order === 'gaps' ? audience.gaps() : [];
  process.send?.({ id, report: audience.report(), gaps });
});
process.on('disconnect', () => process.exit());
