import type { HlsAnswer, HlsRequest } from '@streampool/hls';
import type { RemotePlacement } from '@streampool/streaming';
import { GrowingBody } from '../body/growing-body.ts';
import type { KnownPlaylists } from '../playlist/known-playlists.ts';
import { isPlaylistPath, playlistKey, requestOf } from '../request-key.ts';
import type { OwnerClient } from './owner-client.ts';

export interface HandOnOptions {
  readonly streamId: string;
  readonly client: Pick<OwnerClient, 'give'>;
  readonly known: Pick<KnownPlaylists, 'ofAnother'>;
  /** A segment, if all of it is here. */
  readonly wholeOf: (request: HlsRequest) => HlsAnswer | undefined;
}

/** What handing on may take of a takeover's time, ms; between nodes that are well it is some 20. */
const HAND_ON_MS = 1_500;
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Gives the next owner of a stream what this node has of the former one, before it is asked for its own list. So there is one
 * list for the players of all nodes, and each segment in it can be had at any of them.
 */
export class HandOn {
  readonly #options: HandOnOptions;
  /** By playlist: to whom it was given last, and whether that came about. */
  readonly #given = new Map<string, { readonly to: string; readonly done: Promise<boolean> }>();

  constructor(options: HandOnOptions) {
    this.#options = options;
  }

  /** Resolves when that owner has it. False: it has not, so that what is here has to be put in front of its list here. */
  async to(place: RemotePlacement, request: HlsRequest): Promise<boolean> {
    if (!isPlaylistPath(request.path)) return true;
    const key = playlistKey(request);
    const source = `${place.owner}/${place.epoch}`;
    const to = `${source} ${place.deposes ?? ''}`;
    const given = this.#given.get(key);
    if (given?.to === to) return given.done;
    const former = this.#options.known.ofAnother(request, place.deposes === undefined ? source : undefined);
    // Whoever is the owner by now was given it before.
    if (!former) return given?.done ?? true;
    const done = this.#give(place, request, former);
    this.#given.set(key, { to, done });
    return done;
  }

  /** The segments that end the list, the newest first, as far as room allows, then the list. False: not all of that came there. */
  async #give(
    place: RemotePlacement,
    request: HlsRequest,
    { answer: list, segmentUris }: { answer: HlsAnswer; segmentUris: readonly string[] },
  ): Promise<boolean> {
    const { client, streamId, wholeOf } = this.#options;
    const signal = AbortSignal.timeout(HAND_ON_MS);
    const give = (what: HlsRequest, answer: HlsAnswer, body: Buffer): Promise<boolean> =>
      client.give({ place, streamId, request: what, signal }, { ...answer, body });
    if (!Buffer.isBuffer(list.body)) return false;
    let left = MOST_BYTES;
    for (const uri of segmentUris.toReversed()) {
      const segment = requestOf(uri, request);
      const answer = segment && wholeOf(segment);
      const body = answer && wholeBody(answer);
      if (!body || body.length > left) break;
      left -= body.length;
      if (!(await give(segment, answer, body))) return false;
    }
    return give(request, list, list.body);
  }
}

function wholeBody({ body }: HlsAnswer): Buffer | undefined {
  if (Buffer.isBuffer(body)) return body;
  return body instanceof GrowingBody ? body.whole() : undefined;
}
