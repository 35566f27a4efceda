/** Media in rounds that follow each other for ever, cut into segments: what an HLS channel is made of. */
export interface HlsMedia {
  /** Of each segment of a round. */
  readonly seconds: readonly number[];
  /** Seconds of the parts of each segment of a round; empty where the media have none. */
  readonly parts: readonly (readonly number[])[];
  readonly extension: 'ts' | 'm4s' | 'vtt';
  readonly contentType: string;
  /** The media initialization section, where segments need one. */
  readonly init?: Buffer;
  /** `continued`: on one timeline with the rounds before; else on the first round's. */
  segment(round: number, index: number, continued: boolean): Buffer;
  part?(round: number, index: number, part: number, continued: boolean): Buffer;
  /** Bytes at the beginning of a segment that hold its first picture. */
  pictureBytes?(index: number): number;
}
