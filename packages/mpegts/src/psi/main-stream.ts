import type { ElementaryStream, ProgramMap } from '../types.ts';

/** The first video stream whose codec is known, else the first. */
export function mainVideo(map: ProgramMap): ElementaryStream | undefined {
  const videos = map.streams.filter((stream) => stream.kind === 'video');
  return videos.find((stream) => stream.codec !== 'other') ?? videos[0];
}

/** The stream whose timestamps stand for the program's: its video, else its first audio, else its first stream. */
export function mainStream(map: ProgramMap): ElementaryStream | undefined {
  return mainVideo(map) ?? map.streams.find((stream) => stream.kind === 'audio') ?? map.streams[0];
}
