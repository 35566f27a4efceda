import type { LogLine } from './stderr-log.ts';

/** What FFmpeg says, and what an operator should read. The first group, where there is one, is put in place of `$1`. */
const EXPLANATIONS: readonly (readonly [RegExp, string])[] = [
  [/Server returned (\d(?:\d\d|XX)(?: [A-Za-z]+)*)/, 'the source answered $1'],
  [/Connection refused/, 'the source refused the connection'],
  [/Connection timed out|Operation timed out/, 'the source did not answer in time'],
  [/Connection reset by peer/, 'the source reset the connection'],
  [/Failed to resolve hostname/, "the source's host name cannot be resolved"],
  [/Protocol '([^']+)' not on whitelist/, 'the source refers to a $1: URL, which is not allowed'],
  [/Unknown encoder '([^']+)'/, 'this FFmpeg has no encoder $1'],
  [/Unknown decoder '([^']+)'/, 'this FFmpeg has no decoder $1'],
  [/No such filter: '([^']+)'/, 'this FFmpeg has no filter $1'],
  [/Unrecognized option '([^']+)'/, 'this FFmpeg does not know the option -$1'],
  [/Option ([\w-]+) not found/, 'this FFmpeg does not know the option -$1'],
  [/Stream map '([^']+)' matches no streams/, 'the source has no stream that matches -map $1'],
  [/Output file (?:#\d+ )?does not contain any stream/, 'the source has no stream that this profile can use'],
  [/Cannot load (lib(?:cuda|nvidia)[\w.-]*|nvcuda[\w.]*)/, 'no NVIDIA driver is installed ($1 is missing)'],
  [/No (?:capable devices found|NVENC capable devices found)/, 'no NVIDIA encoder is available'],
  [/OpenEncodeSessionEx failed: ([^\n]+)/, 'the NVIDIA encoder refused another session ($1)'],
  [/No VA display found for device (\S+?)\.?$/, 'the hardware device $1 cannot be opened'],
  [/Error initializing an internal MFX session/, 'no Intel Quick Sync encoder is available'],
  [/Device creation failed/, 'the hardware device cannot be opened'],
  [/Error setting preset\/tune (\S+)/, 'the encoder has no preset or tune $1'],
  [/Could not find tag for codec (\S+)/, 'the output format cannot carry the codec $1'],
  [/Could not write header/, 'the output format cannot carry these streams'],
  [/Cannot allocate memory/, 'FFmpeg ran out of memory'],
  [/No space left on device/, 'the disk is full'],
  [/moov atom not found/, 'the source is an incomplete MP4 file'],
  [/Invalid data found when processing input/, 'the source is not media that FFmpeg can read'],
];

/** Lines that follow every failure, or that a healthy stream prints too: they explain nothing. */
const NOISE =
  /has not been used for any stream|^(?:Conversion failed|Exiting normally|Last message repeated|Error while decoding stream|Error initializing output stream|Error while processing the decoded data|Error splitting the argument list|Error parsing (?:global )?options|Failed to set value|Failed to inject frame|Error reinitializing filters|av_interleaved_write_frame\(\): Broken pipe|Error writing trailer|Error closing file|To ignore this|Immediate exit requested|error while decoding MB|concealing |corrupt|non-existing PPS|decode_slice_header error|no frame!|Packet corrupt|PES packet size mismatch)/i;

const SEVERITY: Record<LogLine['level'], number> = { panic: 3, fatal: 3, error: 2, warning: 1, info: 0 };

/**
 * One plain sentence for what went wrong, out of FFmpeg's last lines (oldest first), or undefined if they say nothing.
 * A line that is understood wins over one that is not; a graver line wins over a later one of less weight.
 */
export function explainFailure(lines: readonly LogLine[]): string | undefined {
  const newestFirst = lines.toReversed();
  for (const [pattern, plain] of EXPLANATIONS) {
    for (const { text } of newestFirst) {
      const match = pattern.exec(text);
      if (match) return plain.replace('$1', match[1] ?? '');
    }
  }
  let best: LogLine | undefined;
  for (const line of newestFirst) {
    if (SEVERITY[line.level] === 0 || NOISE.test(line.text)) continue;
    if (!best || SEVERITY[line.level] > SEVERITY[best.level]) best = line;
  }
  return best?.text;
}
