import { StreampoolError } from '@streampool/errors';
import type {
  Clock,
  DetachReason,
  Dismissal,
  EmitEngineEvent,
  ViewerIdentity,
  ViewerSnapshot,
} from '@streampool/streaming';

export interface AudienceOptions {
  readonly clock: Clock;
  readonly emit: EmitEngineEvent;
  /** A viewer that has not been heard of for this long has left, unless its playlist's segments are longer; ms. */
  readonly silenceMs: number;
  /** One has come or gone. */
  readonly onChange?: (streamId: string) => void;
}

/** Who asks, and for which stream. */
export interface HlsViewer extends ViewerIdentity {
  readonly streamId: string;
}

interface Presence {
  readonly viewer: HlsViewer;
  readonly connectedAt: number;
  heardMs: number;
  lastActive: number;
  silenceMs: number;
  bytes: number;
  segments: number;
}

/** Somebody who is told so when it asks again. */
interface Ended {
  readonly viewer: HlsViewer;
  readonly heardMs: number;
  /** By its own doing: to begin anew, it need not be quiet. */
  readonly hasMoved: boolean;
}

/** Of the target duration: a player asks for a live playlist at least once within it (RFC 8216 §6.3.4). */
const SILENT_TARGETS = 3;
/** How often those who have left are looked for; ms. */
const LOOK_EVERY_MS = 1_000;
/** Somebody who was ended and has been quiet for this long before it asks for the stream's entry comes anew; ms. */
const QUIET_MS = 5_000;
/** How long after its last request it is known that a viewer was ended; ms. */
const REMEMBER_MS = 60_000;
const MOST_REMEMBERED = 10_000;

/**
 * The viewers of HLS streams at this node: each comes with its first playlist and has left when it asks for nothing more.
 * To the rest of the program they are viewers like those with a socket.
 */
export class HlsAudience {
  readonly #options: AudienceOptions;
  /** By stream, then by client id. */
  readonly #streams = new Map<string, Map<string, Presence>>();
  readonly #waiting = new Map<string, Set<HlsViewer>>();
  /** Viewers that were ended, with when they were last heard of. */
  readonly #ended = new Map<string, Ended>();
  #cancelLook: (() => void) | undefined;
  #closed = false;

  constructor(options: AudienceOptions) {
    this.#options = options;
  }

  has(streamId: string, clientId: string): boolean {
    return this.#streams.get(streamId)?.has(clientId) ?? false;
  }

  count(streamId: string): number {
    return this.#streams.get(streamId)?.size ?? 0;
  }

  /** With viewers here. */
  get streamIds(): string[] {
    return [...this.#streams.keys()];
  }

  viewers(streamId?: string): ViewerSnapshot[] {
    const streams =
      streamId === undefined ? [...this.#streams.values()] : [this.#streams.get(streamId) ?? new Map()];
    return streams.flatMap((presences) => [...presences.values()].map(snapshotOf));
  }

  /** Who has asked for a stream's playlist for the first time and has no answer yet. */
  waiting(streamId: string): HlsViewer[] {
    return [...(this.#waiting.get(streamId) ?? [])];
  }

  /** A viewer begins to wait for its first playlist. Returns what ends that; idempotent. */
  waits(viewer: HlsViewer): () => void {
    const { streamId } = viewer;
    const those = this.#waiting.get(streamId) ?? new Set();
    this.#waiting.set(streamId, those.add(viewer));
    return () => {
      those.delete(viewer);
      if (those.size === 0 && this.#waiting.get(streamId) === those) this.#waiting.delete(streamId);
    };
  }

  /** Sent to the viewers that a stream has now. */
  bytes(streamId: string): number {
    let sum = 0;
    for (const { bytes } of this.#streams.get(streamId)?.values() ?? []) sum += bytes;
    return sum;
  }

  /**
   * A viewer is about to be answered. `entry`: it asks for the address it was given, which is how players begin.
   * @throws StreampoolError VIEWER_ENDED
   */
  check(viewer: HlsViewer, { entry }: { entry: boolean }): void {
    if (this.has(viewer.streamId, viewer.clientId)) return;
    const key = keyOf(viewer);
    const ended = this.#ended.get(key);
    if (ended === undefined) return;
    const now = this.#options.clock.now();
    const quietMs = now - ended.heardMs;
    if (quietMs >= REMEMBER_MS || (entry && (ended.hasMoved || quietMs >= QUIET_MS))) {
      this.#ended.delete(key);
      return;
    }
    this.#remember(viewer, now, ended);
    throw new StreampoolError('VIEWER_ENDED', 'This viewer was ended; to watch again, begin anew');
  }

  /**
   * A viewer was heard of. One that is not here yet comes with a playlist, and not with anything else: segments are also asked for
   * by those who only look. `targetDurationMs`: of the playlist it got.
   */
  touch(
    viewer: HlsViewer,
    { isPlaylist, targetDurationMs = 0 }: { isPlaylist: boolean; targetDurationMs?: number | undefined },
  ): void {
    const { clock, silenceMs, emit, onChange } = this.#options;
    if (this.#closed) return;
    const presence = this.#streams.get(viewer.streamId)?.get(viewer.clientId);
    const least = Math.max(silenceMs, SILENT_TARGETS * targetDurationMs);
    if (presence) {
      presence.heardMs = clock.now();
      presence.lastActive = clock.wallNow();
      presence.silenceMs = Math.max(presence.silenceMs, least);
      return;
    }
    if (!isPlaylist) return;
    const wallMs = clock.wallNow();
    const come: Presence = {
      viewer,
      connectedAt: wallMs,
      heardMs: clock.now(),
      lastActive: wallMs,
      silenceMs: least,
      bytes: 0,
      segments: 0,
    };
    const presences = this.#streams.get(viewer.streamId) ?? new Map<string, Presence>();
    this.#streams.set(viewer.streamId, presences);
    presences.set(viewer.clientId, come);
    this.#ended.delete(keyOf(viewer));
    this.#forgive(viewer);
    emit('viewer_attached', snapshotOf(come));
    onChange?.(viewer.streamId);
    this.#cancelLook ??= clock.after(LOOK_EVERY_MS, () => this.#look());
  }

  /** Bytes have gone out to a viewer: it is there, however long it takes to load something. */
  sent({ streamId, clientId }: Pick<HlsViewer, 'streamId' | 'clientId'>, bytes: number): void {
    const presence = this.#streams.get(streamId)?.get(clientId);
    if (!presence) return;
    presence.bytes += bytes;
    presence.heardMs = this.#options.clock.now();
    presence.lastActive = this.#options.clock.wallNow();
  }

  /** All of a segment, or of a part of one, has gone out to a viewer. */
  served({ streamId, clientId }: Pick<HlsViewer, 'streamId' | 'clientId'>): void {
    const presence = this.#streams.get(streamId)?.get(clientId);
    if (presence) presence.segments += 1;
  }

  /**
   * Ends the viewer of that id (on every stream, if none is given): it is told so when it asks again. `hasMoved`: it watches something else, maybe at
   * another node, so that whoever asks for the entry is zapping back. False if it is not here.
   */
  disconnect(clientId: string, { hasMoved = false, streamId }: Dismissal = {}): boolean {
    const found = [...this.#streams.values()]
      .flatMap((presences) => presences.get(clientId) ?? [])
      .filter(({ viewer }) => streamId === undefined || viewer.streamId === streamId);
    for (const presence of found) this.#leave(presence, hasMoved ? 'moved' : 'kicked');
    return found.length > 0;
  }

  /** It watches that stream at another node from now on, since this one ends. */
  leave(streamId: string, clientId: string): void {
    const presence = this.#streams.get(streamId)?.get(clientId);
    if (presence) this.#leave(presence, 'shutdown');
  }

  /** A player that chose its id begins to watch this stream: it has left what it watched before. */
  moveTo(streamId: string, clientId: string): void {
    for (const [other, presences] of [...this.#streams]) {
      const presence = presences.get(clientId);
      if (presence && other !== streamId) this.#leave(presence, 'left');
    }
  }

  /** Ends all viewers of a stream; with how many there were. */
  end(streamId: string, reason: DetachReason): number {
    const presences = [...(this.#streams.get(streamId)?.values() ?? [])];
    for (const presence of presences) this.#leave(presence, reason);
    return presences.length;
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#cancelLook?.();
    for (const streamId of this.streamIds) this.end(streamId, 'shutdown');
  }

  #look(): void {
    const { clock } = this.#options;
    const now = clock.now();
    this.#cancelLook = undefined;
    for (const presences of [...this.#streams.values()]) {
      for (const presence of [...presences.values()])
        if (now - presence.heardMs >= presence.silenceMs) this.#leave(presence, 'left');
    }
    if (this.#streams.size > 0) this.#cancelLook = clock.after(LOOK_EVERY_MS, () => this.#look());
  }

  #leave(presence: Presence, why: DetachReason | 'moved'): void {
    const { viewer } = presence;
    const presences = this.#streams.get(viewer.streamId);
    if (!presences?.delete(viewer.clientId)) return;
    if (presences.size === 0) this.#streams.delete(viewer.streamId);
    const hasMoved = why === 'moved';
    if (hasMoved || why === 'kicked') this.#remember(viewer, this.#options.clock.now(), { hasMoved });
    this.#options.emit('viewer_detached', {
      ...snapshotOf(presence),
      reason: why === 'moved' ? 'left' : why,
    });
    this.#options.onChange?.(viewer.streamId);
  }

  /** Whoever watches something else now does not go on with what was ended, and may come back to it at once. */
  #forgive({ ip, userAgent, username, streamId }: HlsViewer): void {
    if (this.#ended.size === 0) return;
    for (const [key, { viewer }] of this.#ended) {
      const isSame = viewer.ip === ip && viewer.userAgent === userAgent && viewer.username === username;
      if (isSame && viewer.streamId !== streamId) this.#ended.delete(key);
    }
  }

  #remember(viewer: HlsViewer, now: number, { hasMoved }: Pick<Ended, 'hasMoved'>): void {
    const key = keyOf(viewer);
    this.#ended.delete(key);
    this.#ended.set(key, { viewer, heardMs: now, hasMoved });
    for (const [oldest, { heardMs }] of this.#ended) {
      if (this.#ended.size <= MOST_REMEMBERED && now - heardMs < REMEMBER_MS) break;
      this.#ended.delete(oldest);
    }
  }
}

function keyOf({ streamId, clientId }: Pick<HlsViewer, 'streamId' | 'clientId'>): string {
  return `${streamId}:${clientId}`;
}

function snapshotOf({ viewer, connectedAt, lastActive, bytes, segments }: Presence): ViewerSnapshot {
  const { clientId, streamId, ip, userAgent, username } = viewer;
  return {
    ...{ clientId, streamId, ip, userAgent, connectedAt, lastActive, bytes, lagBytes: 0, skips: 0, segments },
    ...(username !== undefined && { username }),
  };
}
