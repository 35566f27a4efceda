import type { PartTag, Playlist } from './playlist.ts';

/** EXTINF and DURATION are rounded independently of each other. */
const ROUNDING_SECONDS = 0.02;

/** Second edition §4.4.3.7, §4.4.3.8, §4.4.4.9, §4.4.5: parts, hints, reports, and what the server says it can do. */
export function lowLatencyRules(playlist: Playlist): void {
  const { violations, tags, segments, targetDuration, partTarget, trailingParts } = playlist;
  const control = tags.find(({ name }) => name === 'EXT-X-SERVER-CONTROL');
  const number = (name: string): number | undefined => {
    const text = control?.attributes.get(name);
    return text === undefined ? undefined : Number(text);
  };
  const [holdBack, partHoldBack, skipUntil] = ['HOLD-BACK', 'PART-HOLD-BACK', 'CAN-SKIP-UNTIL'].map(number);
  violations.must(
    !(holdBack! < 3 * targetDuration),
    'bis 4.4.3.8',
    `HOLD-BACK ${holdBack} is less than three target durations`,
  );
  violations.must(
    !(skipUntil! < 6 * targetDuration),
    'bis 4.4.3.8',
    `CAN-SKIP-UNTIL ${skipUntil} is less than six target durations`,
  );
  violations.must(
    !control?.attributes.has('CAN-SKIP-DATERANGES') || skipUntil !== undefined,
    'bis 4.4.3.8',
    'CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL',
  );

  const parts = [...segments.flatMap((segment) => segment.parts), ...trailingParts];
  if (partTarget === undefined) {
    violations.must(parts.length === 0, 'bis 4.4.3.7', 'EXT-X-PART without EXT-X-PART-INF', parts[0]?.line);
  } else {
    violations.must(partHoldBack !== undefined, 'bis 4.4.3.8', 'EXT-X-PART-INF without PART-HOLD-BACK');
    violations.must(
      !(partHoldBack! < 2 * partTarget),
      'bis 4.4.3.8',
      `PART-HOLD-BACK ${partHoldBack} is less than two part targets`,
    );
    violations.must(
      partTarget <= targetDuration,
      'bis 4.4.3.7',
      'PART-TARGET is longer than the target duration',
    );
    for (const segment of segments) {
      partRules(playlist, segment.parts, true);
      const sum = segment.parts.reduce((total, { seconds }) => total + seconds, 0);
      violations.must(
        segment.parts.length === 0 ||
          Math.abs(sum - segment.seconds) <= ROUNDING_SECONDS + 0.001 * segment.parts.length,
        'bis 4.4.4.9',
        `parts of ${sum.toFixed(3)} s make a segment of ${segment.seconds} s`,
        segment.line,
      );
    }
    partRules(playlist, trailingParts, false);
  }
  for (const type of ['PART', 'MAP']) {
    const hints = tags.filter(
      ({ name, attributes }) => name === 'EXT-X-PRELOAD-HINT' && attributes.get('TYPE') === type,
    );
    violations.must(hints.length <= 1, 'bis 4.4.5.3', `two preload hints of TYPE=${type}`, hints[1]?.line);
    const uri = hints[0]?.attributes.get('URI');
    if (type === 'PART' && hints[0] && !hints[0].attributes.has('BYTERANGE-START'))
      violations.must(
        !parts.some((part) => part.uri === uri && !part.range),
        'bis 4.4.5.3',
        'a hint at a part that is there',
        hints[0].line,
      );
  }
  violations.must(
    playlist.skipped === 0 || skipUntil !== undefined,
    'bis 4.4.5.2',
    'EXT-X-SKIP without CAN-SKIP-UNTIL',
  );
  if (playlist.ended)
    violations.must(
      !tags.some(({ name }) => name === 'EXT-X-PRELOAD-HINT'),
      'bis 4.4.5.3',
      'a preload hint behind the end',
    );
}

function partRules(
  { violations, partTarget = 0 }: Playlist,
  parts: readonly PartTag[],
  complete: boolean,
): void {
  parts.forEach(({ seconds, line, gap }, index) => {
    violations.must(
      !(seconds > partTarget + 0.0005),
      'bis 4.4.3.7',
      `a part of ${seconds} s is longer than PART-TARGET ${partTarget}`,
      line,
    );
    const last = complete && index === parts.length - 1;
    violations.must(
      last || gap || seconds >= 0.85 * partTarget - 0.0005,
      'bis 4.4.4.9',
      `a part of ${seconds} s is shorter than 85 % of PART-TARGET ${partTarget}`,
      line,
    );
  });
}
