/** An owner that was seen to die (its socket refused, reset or silent), under the epoch it had. */
export interface Deposed {
  readonly owner: string;
  readonly epoch: number;
}

/** Who plays a stream's source. */
export type Placement = { readonly here: true; readonly epoch: number } | RemotePlacement;

export interface RemotePlacement {
  readonly here: false;
  /** Where that node is reached by other nodes. */
  readonly url: string;
  readonly owner: string;
  readonly epoch: number;
  /** Passed on to that node: it is not the owner yet, and shall depose the one of this epoch. */
  readonly deposes?: number;
}

/**
 * What the data plane asks before it opens a source in a cluster. Implemented outside: the data plane does not know the
 * state, so that it goes on while the state is away.
 */
export interface Ownership {
  /**
   * `deposes` names an owner that the caller saw die.
   * @throws StreampoolError STREAM_NOT_FOUND; anything else is tried again
   */
  acquire(streamId: string, options: { deposes?: Deposed }): Promise<Placement>;
}

/** How a node takes part in a cluster. */
export interface ClusterOptions {
  readonly ownership: Ownership;
  /** Name of this node, told to owners. */
  readonly node: string;
  /** The secret that all nodes share. */
  readonly token: string;
}
