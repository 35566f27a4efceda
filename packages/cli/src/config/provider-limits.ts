import type { ProviderRecord } from '@streampool/state';
import { z } from 'zod';
import type { ValueType } from './values.ts';

const ENTRY = /^([A-Za-z0-9._-]{1,64})=(\d{1,6})(\+preempt)?(?:\+(\d{1,2}(?:\.\d{1,3})?)s)?@(.+)$/;
const HOST = /^(?:(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

const ALLOWED =
  'entries with ; between them, such as acme=2@tv.example.org,*.cdn.example.org; other=5+preempt+2s@tv.other.example:8080';

/** Limits of providers on one line: `acme=2@tv.example.org,*.cdn.example.org` reads "acme: 2 at these hosts". */
export const providerLimits: ValueType<ProviderRecord[]> = {
  schema: z.string().transform((text, context): ProviderRecord[] => {
    const entries = text.split(';').map((part) => part.trim());
    const providers = entries.filter(Boolean).map(read);
    const ids = new Set(providers.map((provider) => provider?.id));
    if (!providers.includes(undefined) && ids.size === providers.length) return providers as ProviderRecord[];
    context.addIssue({ code: 'custom', message: `must be ${ALLOWED}` });
    return z.NEVER;
  }),
  allowed: ALLOWED,
  show: (providers) =>
    providers
      .map(({ id, maxConnections, preempt, settleMs, hosts }) => {
        const settle = settleMs === undefined ? '' : `+${settleMs / 1_000}s`;
        return `${id}=${maxConnections}${preempt ? '+preempt' : ''}${settle}@${hosts.join(',')}`;
      })
      .join('; '),
};

function read(entry: string): ProviderRecord | undefined {
  const [, id, most, preempt, settle, list = ''] = ENTRY.exec(entry) ?? [];
  const hosts = list.split(',').map((host) => host.trim().toLowerCase());
  if (id === undefined || !hosts.every((host) => HOST.test(host))) return undefined;
  return {
    ...{ id, hosts, maxConnections: Number(most), preempt: preempt !== undefined, origin: 'settings' },
    ...(settle !== undefined && { settleMs: Math.round(Number(settle) * 1_000) }),
  };
}
