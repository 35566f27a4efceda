import type { Playlist, Tag } from './playlist.ts';

const GROUP_TYPES = ['AUDIO', 'VIDEO', 'SUBTITLES', 'CLOSED-CAPTIONS'];

/** RFC 8216 §4.3.4. */
export function multivariantRules({ violations, tags, variants }: Playlist): void {
  const named = (name: string): Tag[] => tags.filter((tag) => tag.name === name);
  const media = named('EXT-X-MEDIA');
  for (const { attributes, line } of media) mediaTagRules(attributes, line, violations);
  const groups = new Map<string, Tag[]>();
  for (const tag of media) {
    const key = `${tag.attributes.get('TYPE')} ${tag.attributes.get('GROUP-ID')}`;
    groups.set(key, [...(groups.get(key) ?? []), tag]);
  }
  for (const [group, members] of groups) {
    const names = members.map(({ attributes }) => attributes.get('NAME'));
    violations.must(
      new Set(names).size === names.length,
      '4.3.4.1.1',
      `two renditions of one name in ${group}`,
    );
    const defaults = members.filter(({ attributes }) => attributes.get('DEFAULT') === 'YES');
    violations.must(defaults.length <= 1, '4.3.4.1.1', `two defaults in ${group}`);
  }
  violations.must(variants.length > 0, '4.3.4', 'a multivariant playlist without a variant');
  const all = [...variants, ...named('EXT-X-I-FRAME-STREAM-INF')];
  for (const { attributes, line } of all)
    for (const type of GROUP_TYPES) {
      const group = attributes.get(type);
      if (group === undefined || (type === 'CLOSED-CAPTIONS' && group === 'NONE')) continue;
      violations.must(groups.has(`${type} ${group}`), '4.3.4.2', `${type}="${group}" is no group`, line);
    }
  const data = new Set<string>();
  for (const { attributes, line } of named('EXT-X-SESSION-DATA')) {
    const both = [attributes.has('VALUE'), attributes.has('URI')].filter(Boolean).length;
    violations.must(both === 1, '4.3.4.4', 'session data with either VALUE or URI', line);
    const key = `${attributes.get('DATA-ID')} ${attributes.get('LANGUAGE')}`;
    violations.must(!data.has(key), '4.3.4.4', `session data twice: ${key}`, line);
    data.add(key);
  }
  for (const { attributes, line } of named('EXT-X-SESSION-KEY'))
    violations.must(attributes.get('METHOD') !== 'NONE', '4.3.4.5', 'a session key with METHOD=NONE', line);
}

function mediaTagRules(
  attributes: Tag['attributes'],
  line: number,
  violations: Playlist['violations'],
): void {
  const type = attributes.get('TYPE');
  const is = (name: string, value: string): boolean => attributes.get(name) === value;
  violations.must(type !== 'SUBTITLES' || attributes.has('URI'), '4.3.4.1', 'subtitles without URI', line);
  violations.must(
    type !== 'CLOSED-CAPTIONS' || !attributes.has('URI'),
    '4.3.4.1',
    'closed captions with URI',
    line,
  );
  violations.must(
    (type === 'CLOSED-CAPTIONS') === attributes.has('INSTREAM-ID'),
    '4.3.4.1',
    'INSTREAM-ID where it belongs',
    line,
  );
  violations.must(
    !is('DEFAULT', 'YES') || !is('AUTOSELECT', 'NO'),
    '4.3.4.1',
    'DEFAULT=YES with AUTOSELECT=NO',
    line,
  );
  violations.must(
    type === 'SUBTITLES' || !attributes.has('FORCED'),
    '4.3.4.1',
    'FORCED of something else than subtitles',
    line,
  );
}
