// Runs in the page: plays URLs with hls.js, each in a video of its own, and keeps what is seen of them (see hls-browser.ts).
const watched = new Map();

globalThis.watch = (id, url, lowLatency) => {
  const { Events } = Hls;
  const video = document.body.appendChild(document.createElement('video'));
  Object.assign(video, { muted: true, playsInline: true, width: 160, height: 90 });
  const hls = new Hls({ lowLatencyMode: lowLatency });
  const one = {
    ...{ hls, video, began: undefined, waitingSince: undefined, lastCc: undefined },
    counts: {
      ...{ stalls: 0, stalledMs: 0, discontinuities: 0, parts: 0 },
      ...{ fatalErrors: [], otherErrors: [], sequences: [] },
    },
  };
  const { counts } = one;
  watched.set(id, one);
  hls.on(Events.ERROR, (_, { fatal, type, details, response, reason }) => {
    const text = [type, details, response?.code, reason].filter(Boolean).join(' ');
    (fatal ? counts.fatalErrors : counts.otherErrors).push(text);
  });
  hls.on(Events.FRAG_CHANGED, (_, { frag }) => {
    counts.sequences.push(frag.sn);
    if (one.lastCc !== undefined && frag.cc !== one.lastCc) counts.discontinuities += 1;
    one.lastCc = frag.cc;
  });
  hls.on(Events.FRAG_LOADED, (_, { part }) => {
    if (part) counts.parts += 1;
  });
  video.addEventListener('playing', () => {
    one.began ??= video.currentTime;
    if (one.waitingSince !== undefined) counts.stalledMs += performance.now() - one.waitingSince;
    one.waitingSince = undefined;
  });
  video.addEventListener('waiting', () => {
    if (one.began === undefined || one.waitingSince !== undefined) return;
    counts.stalls += 1;
    one.waitingSince = performance.now();
  });
  hls.on(Events.MANIFEST_PARSED, () => video.play());
  hls.loadSource(url);
  hls.attachMedia(video);
};

globalThis.seen = (id) => {
  const { hls, video, counts, began, waitingSince } = watched.get(id);
  const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
  const { latency } = hls;
  return {
    ...counts,
    stalledMs: counts.stalledMs + (waitingSince === undefined ? 0 : performance.now() - waitingSince),
    playedSeconds: began === undefined ? 0 : video.currentTime - began,
    decodedFrames: totalVideoFrames,
    droppedFrames: droppedVideoFrames,
    levels: hls.levels.length,
    audioTracks: hls.audioTracks.map(({ name }) => name),
    subtitleTracks: hls.subtitleTracks.map(({ name }) => name),
    latency: Number.isFinite(latency) ? latency : null,
  };
};

globalThis.leave = (id) => {
  const { hls, video } = watched.get(id);
  hls.destroy();
  video.remove();
  watched.delete(id);
};
