import { readMediaPlaylist } from '@streampool/hls';
import fc from 'fast-check';
import { StreamNumbers } from '../src/playlist/stream-numbers.ts';
import { Timeline } from '../src/playlist/timeline.ts';

const SECONDS = 2;
const WINDOW = 4;
const LEAST_SECONDS = 3 * SECONDS;

/** A live source whose numbers are close to those of the others, as those of two servers of one provider are. */
interface Source {
  readonly name: string;
  newest: number;
  /** Segments from this one on are refused. */
  refusedFrom: number;
}

function write({ name, newest }: Source): string {
  const first = newest - WINDOW + 1;
  const lines = ['#EXTM3U', '#EXT-X-VERSION:3', `#EXT-X-TARGETDURATION:${SECONDS}`];
  lines.push(`#EXT-X-MEDIA-SEQUENCE:${first}`);
  for (let n = first; n <= newest; n += 1) lines.push(`#EXTINF:${SECONDS}.0,`, `${name}-${n}.ts`);
  return `${lines.join('\n')}\n`;
}

/** A playlist as a player follows it: what RFC 8216 §6.2.2 lets it rely on is checked with each answer. */
class Player {
  readonly #timeline: Timeline;
  readonly #names = new Map<number, string>();
  #last = { first: -1, newest: -1, discontinuities: -1 };

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  ask(): void {
    if (this.#timeline.isEmpty) return;
    const list = readMediaPlaylist(this.#timeline.render());
    const { mediaSequence: first, discontinuitySequence: discontinuities = 0, segments } = list;
    const newest = first + segments.length - 1;
    const last = this.#last;
    const figures = { first, newest, discontinuities };
    if (first < last.first || newest < last.newest || discontinuities < last.discontinuities)
      throw new Error(`back from ${JSON.stringify(last)} to ${JSON.stringify(figures)}`);
    this.#last = figures;
    const seconds = segments.reduce((sum, { durationMs }) => sum + durationMs / 1000, 0);
    if (seconds < LEAST_SECONDS) throw new Error(`only ${seconds} s are listed`);
    let discontinuity = discontinuities;
    segments.forEach(({ uri, isDiscontinuity, lines }, index) => {
      if (isDiscontinuity) discontinuity += 1;
      const name = `${uri} in ${discontinuity}`;
      const known = this.#names.get(first + index) ?? name;
      if (known !== name) throw new Error(`${first + index} stands for ${known}, then for ${name}`);
      this.#names.set(first + index, name);
      const before = segments[index - 1];
      if (before && !isDiscontinuity && before.uri.split('-')[0] !== uri.split('-')[0])
        throw new Error(`${uri} follows ${before.uri} without a discontinuity`);
      if (lines.includes('#EXT-X-GAP') && isHeldNow(uri)) throw new Error(`${uri} is there`);
    });
  }
}

let sources: Source[] = [];
const isHeldNow = (uri: string): boolean => {
  const [name, number] = uri.replace('.ts', '').split('-');
  return Number(number) < (sources.find((one) => one.name === name)?.refusedFrom ?? 0);
};

const event = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'second' as const }) },
  // A playlist is asked for, and arrives whenever that is: by the time another source may play.
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('request' as const), of: fc.nat(1) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('arrive' as const), which: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'refuse' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'switch' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('ask' as const), of: fc.nat(1) }) },
);

test('whatever the order of refusals, switches, late answers and requests, players lose no number and no time', () => {
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 80, size: 'max' }),
      fc.integer({ min: -2, max: 2 }),
      (events, ahead) => {
        sources = ['a', 'b'].map((name, index) => ({
          ...{ name, newest: 10 + index * ahead, refusedFrom: Number.POSITIVE_INFINITY },
        }));
        const numbers = new StreamNumbers();
        const isHeld = ({ uri }: { uri: string }): boolean => isHeldNow(uri);
        const timelines = [0, 1].map(() => new Timeline({ numbers, isHeld }));
        const players = timelines.map((timeline) => new Player(timeline));
        const arriving: { text: string; era: number; to: Timeline }[] = [];
        let [nowMs, era] = [0, 0];
        for (const one of events) {
          const current = sources[era % 2]!;
          if (one.kind === 'second') {
            nowMs += 1_000;
            if (nowMs % (SECONDS * 1_000) === 0) for (const it of sources) it.newest += 1;
          } else if (one.kind === 'request') {
            arriving.push({ text: write(current), era, to: timelines[one.of]! });
          } else if (one.kind === 'arrive') {
            const [found] = arriving.splice(one.which % Math.max(1, arriving.length), 1);
            const { text, era: asked, to } = found ?? {};
            if (text !== undefined && asked !== undefined)
              to?.take(
                { text, list: readMediaPlaylist(text), era: asked, identityOf: ({ uri }) => uri },
                nowMs,
              );
          } else if (one.kind === 'refuse') {
            current.refusedFrom = Math.min(current.refusedFrom, current.newest);
          } else if (one.kind === 'switch') {
            era += 1;
          } else players[one.of]!.ask();
        }
        for (const player of players) player.ask();
      },
    ),
    { numRuns: 500 },
  );
});
