import type { ValueType } from './values.ts';

/** One thing that can be set, by an environment variable of that name. */
export interface Setting<T> {
  readonly env: string;
  readonly group:
    | 'Server'
    | 'Access'
    | 'Streaming'
    | 'Providers'
    | 'Detection'
    | 'HLS'
    | 'Sessions'
    | 'Resolvers'
    | 'FFmpeg'
    | 'State'
    | 'Observability'
    | 'Cluster';
  readonly about: string;
  readonly type: ValueType<T>;
  /** As it would be written; absent: not set. */
  readonly default?: string;
  /** Never shown. */
  readonly secret?: boolean;
  /** What it was called once, and how what that was set to reads today. */
  readonly former?: { readonly env: string; readonly read: (value: string) => string };
  /** The option of `streampool serve`, `gateway` and `worker` that sets it, too. */
  readonly option?: string;
}

/** A setting that always has a value. */
export function setting<T>(definition: Setting<T> & { default: string }): Setting<T> & { default: string } {
  return definition;
}

/** A setting that may be absent. */
export function optional<T>(
  definition: Omit<Setting<T>, 'default'>,
): Omit<Setting<T>, 'default'> & { default?: never } {
  return definition;
}

/** Makes settings of one group that always have a value. */
export function settingsOf(group: Setting<unknown>['group']) {
  return <T>(
    env: string,
    about: string,
    type: ValueType<T>,
    value: string,
  ): Setting<T> & { default: string } => ({ env, group, about, type, default: value });
}
