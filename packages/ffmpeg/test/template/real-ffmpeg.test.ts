import { execFileSync, spawnSync } from 'node:child_process';
import { allowedFilters } from '../../src/template/filter-graph.ts';
import { allowedOptions } from '../../src/template/options.ts';

/**
 * The lists of allowed options and filters are held against what the real FFmpeg says of itself: whether an option
 * takes a value (else what follows it would be an output), and whether a value could be a file.
 */
const ask = (...args: string[]) =>
  execFileSync('ffmpeg', ['-hide_banner', ...args], {
    encoding: 'utf8',
    maxBuffer: 10_000_000,
    stdio: 'pipe',
  });

const full = ask('-h', 'full');
const filters = ask('-filters');

/** Types of AVOption whose values FFmpeg parses into a number, a size or the like: never a path. */
const HARMLESS =
  /^<(?:int|int64|uint64|float|double|boolean|flags|rational|duration|video_rate|image_size|pix_fmt|sample_fmt|color|channel_layout|binary)>$/;

/** Text options that are looked at piece by piece, or that only name something known to the encoder. */
const TEXT_OPTIONS = new Set([
  'x264-params', 'x264opts', 'x265-params', // checked key by key
  'preset', 'tune', 'profile', 'level', 'deblock', 'partitions', 'psy-rd', 'avcintra-class', // names and numbers for x264 and x265
  'dump_separator', 'ch_layout', 'crop', 'resize', 'gpu', 'hls_flags', 'metadata', 'map', 'streamid',
]); // biome-ignore format: a list

describe('allowed options', () => {
  const typesOf = new Map<string, Set<string>>();
  for (const [, name, type] of full.matchAll(/^ {1,3}-(\S+)\s+(<[^>]+>)/gm)) {
    const types = typesOf.get(name!) ?? new Set();
    typesOf.set(name!, types.add(type!));
  }

  test('the help was understood', () => {
    expect(typesOf.get('crf')).toContain('<float>');
    expect(typesOf.size).toBeGreaterThan(500);
  });

  test('none of an encoder, demuxer or muxer takes free text', () => {
    const texts = [...allowedOptions()]
      .filter(([name, rule]) => rule.dropped === undefined && !TEXT_OPTIONS.has(name))
      .flatMap(([name]) =>
        [...(typesOf.get(name) ?? [])]
          .filter((type) => !HARMLESS.test(type))
          .map((type) => `${name} ${type}`),
      );
    expect(texts).toEqual([]);
  });

  test('those without a value have none in FFmpeg either, and the other way round', () => {
    // The log level is what makes FFmpeg tell; nobody's own reaches it.
    const read = readAsOptions(
      [...allowedOptions().keys()].filter((name) => name !== 'loglevel' && name !== 'v'),
    );
    expect([read.get('map'), read.get('an'), read.get('crf')]).toEqual(['value', 'flag', 'value']);
    const wrong = [...allowedOptions()]
      .filter(
        ([name, rule]) => read.has(name) && read.get(name) !== (rule.value === 'flag' ? 'flag' : 'value'),
      )
      .map(([name]) => name);
    expect(wrong).toEqual([]);
    // Encoders and demuxers that this build lacks have options that it does not know.
    expect(read.size).toBeGreaterThan(allowedOptions().size * 0.8);
  });
});

/**
 * How FFmpeg's own parser reads each option with a word after it: it says so at loglevel debug, all options in one run.
 * The help text will not do: it shows a value for some that have none.
 */
function readAsOptions(names: readonly string[]): Map<string, 'flag' | 'value'> {
  const read = new Map<string, 'flag' | 'value'>();
  let rest = [...names];
  // An option it does not know ends the reading: go on after it.
  while (rest.length > 0) {
    const args = rest.flatMap((name) => [`-${name}`, `value-of-${name}`]);
    const { stderr } = spawnSync('ffmpeg', ['-nostdin', '-loglevel', 'debug', ...args], { encoding: 'utf8' });
    let unknown: string | undefined;
    for (const report of stderr.split("Reading option '-").slice(1)) {
      const name = report.slice(0, report.indexOf("'"));
      if (/Unrecognized option/.test(report)) unknown = name;
      else if (rest.includes(name)) {
        read.set(name, report.includes(`with argument 'value-of-${name}'`) ? 'value' : 'flag');
      }
    }
    rest = unknown === undefined ? [] : rest.slice(rest.indexOf(unknown) + 1);
  }
  return read;
}

describe('allowed filters', () => {
  const known = new Set(Array.from(filters.matchAll(/^ [T.][S.][C.] (\S+)/gm), (match) => match[1]!));
  const here = allowedFilters().filter((name) => known.has(name));

  test('nearly all exist in this FFmpeg', () => {
    expect(here.length).toBeGreaterThan(140);
  });

  test('none has an option that names a file, a library or a command', () => {
    const suspicious: string[] = [];
    // One process for all: the help of a filter costs 60 ms.
    for (const name of here) {
      const [, body = ''] = new RegExp(`^${name} AVOptions:\\n((?:  .*\\n)*)`, 'm').exec(full) ?? [];
      for (const [line, option] of body.matchAll(/^ {2,3}(\S+)\s+<string>.*$/gm)) {
        if (/file|path|url|plugin|librar|shader|model|script|socket|command|fifo|weights from/i.test(line)) {
          suspicious.push(`${name}: ${option}`);
        }
      }
    }
    expect(suspicious).toEqual([]);
  });

  test('none makes pictures or sound out of nothing', () => {
    const sources = Array.from(filters.matchAll(/^ [T.][S.][C.] (\S+)\s+\|->/gm), (match) => match[1]!);
    expect(sources).toContain('movie');
    expect(sources.filter((name) => allowedFilters().includes(name))).toEqual([]);
  });
});
