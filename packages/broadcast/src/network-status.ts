/** As clients of m3u-proxy know them. */
export type NetworkState = 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';

/** What the node that plays a network says of it. */
export interface NetworkStatus {
  readonly status: NetworkState;
  /** Of the programme that this is about. */
  readonly startedAtMs: number;
  readonly currentSegment: number;
  /** Where its files are, on the node's own disk. */
  readonly folder: string;
  readonly pid?: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly bytesWritten: number;
}

export type ProgrammeEnd = 'programme_ended' | 'broadcast_failed';

/** What a network's owner is told when a programme is over by itself. */
export interface Callback {
  readonly url: string;
  /** Names the programme among those of its network: its end is told once, whoever saw it. */
  readonly programmeStartedAtMs: number;
  readonly body: {
    readonly network_id: string;
    readonly event: ProgrammeEnd;
    readonly timestamp: string;
    readonly dvr_mode: boolean;
    readonly hls_dir: string | null;
    readonly data: {
      readonly exit_code: number;
      readonly final_segment_number: number;
      readonly duration_streamed: number;
      readonly error?: string;
    };
  };
}
