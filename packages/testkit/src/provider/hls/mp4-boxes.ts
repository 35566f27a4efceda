/** Just enough of ISO/IEC 14496-12 to move fragments along a timeline. */

export interface Box {
  readonly type: string;
  /** Offsets in the buffer: of the box, of its content, and behind it. */
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

/** The boxes between two offsets. Sizes of 64 bits are not needed for samples. */
export function boxesOf(bytes: Buffer, from = 0, to = bytes.length): Box[] {
  const boxes: Box[] = [];
  for (let at = from; at + 8 <= to; ) {
    const size = bytes.readUInt32BE(at);
    if (size < 8 || at + size > to) throw new Error(`a box of ${size} bytes at ${at} does not fit`);
    boxes.push({ type: bytes.toString('latin1', at + 4, at + 8), start: at, body: at + 8, end: at + size });
    at += size;
  }
  return boxes;
}

/** All boxes at a path such as `moov/trak/mdia`, below one box or in the whole. */
export function boxesAt(bytes: Buffer, path: string, within?: Box): Box[] {
  let found: Box[] = within ? [within] : [{ type: '', start: 0, body: 0, end: bytes.length }];
  for (const type of path.split('/'))
    found = found.flatMap((box) => boxesOf(bytes, box.body, box.end).filter((inner) => inner.type === type));
  return found;
}

export interface Track {
  readonly id: number;
  readonly timescale: number;
  readonly isVideo: boolean;
}

export function tracksOf(bytes: Buffer): Track[] {
  return boxesAt(bytes, 'moov/trak').map((trak) => {
    const [tkhd] = boxesAt(bytes, 'tkhd', trak);
    const [mdhd] = boxesAt(bytes, 'mdia/mdhd', trak);
    const [hdlr] = boxesAt(bytes, 'mdia/hdlr', trak);
    // Version 1 of these two has times of 64 bits in front.
    const id = bytes.readUInt32BE(tkhd!.body + (bytes[tkhd!.body] === 1 ? 20 : 12));
    const timescale = bytes.readUInt32BE(mdhd!.body + (bytes[mdhd!.body] === 1 ? 20 : 12));
    return { id, timescale, isVideo: bytes.toString('latin1', hdlr!.body + 8, hdlr!.body + 12) === 'vide' };
  });
}

export interface TrackTime {
  readonly track: number;
  readonly time: number;
  /** Adds to the base media decode time, in the track's units. */
  shift(target: Buffer, by: number): void;
}

/** The decode times at which the tracks of a fragment begin (tfdt); offsets are the fragment's own. */
export function trackTimes(fragment: Buffer): TrackTime[] {
  return boxesAt(fragment, 'moof/traf').map((traf) => {
    const [tfhd] = boxesAt(fragment, 'tfhd', traf);
    const [tfdt] = boxesAt(fragment, 'tfdt', traf);
    const at = tfdt!.body + 4;
    const wide = fragment[tfdt!.body] === 1;
    const time = wide ? Number(fragment.readBigUInt64BE(at)) : fragment.readUInt32BE(at);
    return {
      ...{ track: fragment.readUInt32BE(tfhd!.body + 4), time },
      shift(target, by) {
        if (wide) target.writeBigUInt64BE(BigInt(time + by), at);
        else target.writeUInt32BE(time + by, at);
      },
    };
  });
}
