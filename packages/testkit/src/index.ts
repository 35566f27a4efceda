export { Cluster, type ClusterOptions } from './cluster/cluster.ts';
export type { ClusterNode } from './cluster/cluster-node.ts';
export { FakeCollector, type SeenSpan } from './collector/fake-collector.ts';
export { type Census, type CyclePlan, type CycleResult, runCycles } from './cycles/run-cycles.ts';
export { decodeErrors, type Probe, type ProbedStream, probe, probePackets } from './fixtures/inspect.ts';
export {
  type AudioCodec,
  makeSample,
  type Sample,
  type SampleOptions,
  type VideoCodec,
} from './fixtures/sample.ts';
export { readStamp, stampPacket } from './fixtures/stamps.ts';
export { TsLoop, type TsLoopOptions } from './fixtures/ts-loop.ts';
export type { BlackHole } from './network/delayed-pipe.ts';
export { FaultyTcpProxy, type ProxyDelays } from './network/faulty-tcp-proxy.ts';
export {
  type BrowserPlayback,
  type BrowserPlayer,
  chromiumPath,
  HlsBrowser,
} from './player/browser/hls-browser.ts';
export { HlsReader, type HlsReaderOptions, type HlsReport } from './player/hls/hls-reader.ts';
export { PlaybackClock } from './player/hls/playback-clock.ts';
export type { Playlist, SegmentEntry } from './player/hls/playlist.ts';
export { PlaylistHistory } from './player/hls/playlist-history.ts';
export { checkPlaylist } from './player/hls/playlist-rules.ts';
export {
  type HlsProgram,
  installedPrograms,
  type ProgramPlayback,
  playWith,
} from './player/hls/program-player.ts';
export { type Download, download, type PlaybackEnd, Player, type PlayerOptions } from './player/player.ts';
export { type FirstPicture, TsCheck } from './player/ts-check.ts';
export {
  allProcesses,
  countFiles,
  descendants,
  ffmpegsOf,
  isAlive,
  type OpenFile,
  openFiles,
  type ProcessInfo,
  processesMarked,
  processesWithPath,
  processInfo,
  sendSignal,
} from './processes/census.ts';
export { RedisServer, type RedisServerOptions } from './processes/redis-server.ts';
export { endsWithParent, type RunOptions, type RunResult, run, runOk } from './processes/run.ts';
export {
  freePort,
  type StreampoolOptions,
  type StreampoolProcess,
  startStreampool,
} from './processes/streampool.ts';
export { type Answer, api, type CreatedStream, createStream, metric } from './processes/streampool-api.ts';
export { type WaitOptions, waitFor } from './processes/wait-for.ts';
export { Exchange, type HeadOptions } from './provider/exchange.ts';
export { FakeProvider, type PathStats, refusedUrl, type SeenRequest } from './provider/fake-provider.ts';
export type { Fault } from './provider/fault.ts';
export type { FileOptions } from './provider/file-route.ts';
export { Fmp4Media, makeFragments } from './provider/hls/fmp4-media.ts';
export { HlsChannel, type HlsOptions, type HlsResource } from './provider/hls/hls-channel.ts';
export {
  HLS_KINDS,
  type HlsKind,
  type HlsKindMedia,
  makeHlsKindMedia,
  ODD_QUERY,
} from './provider/hls/hls-kinds.ts';
export type { HlsMedia } from './provider/hls/hls-media.ts';
export { MultivariantChannel, type MultivariantOptions } from './provider/hls/multivariant.ts';
export { TsMedia } from './provider/hls/ts-media.ts';
export { LiveChannel, type LiveOptions } from './provider/live-channel.ts';
export { seededRandom } from './seeded-random.ts';
export { runZapping, type ZappingPlan, type ZappingResult, type ZappingSite } from './zapping/run-zapping.ts';
