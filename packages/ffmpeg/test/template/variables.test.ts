import fc from 'fast-check';
import { listProfiles, resolveTranscode } from '../../src/index.ts';

const TEMPLATE =
  '-i {input_url} -vf scale=-2:{height|720} -c:v {codec|libx264} -crf {crf|23} -b:v {video_bitrate|2M} -metadata title={title|x} {output_args|pipe:1}';

function refused(variables: Record<string, string | number>, code: string, culprit: string): void {
  expect(() => resolveTranscode({ profile: TEMPLATE, variables })).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(`'${culprit}'`) }),
  );
}

describe('variables', () => {
  test('an unknown one is named, with those that are known', () => {
    refused({ bitrate: '2M' }, 'TEMPLATE_VARIABLE_UNKNOWN', 'bitrate');
    expect(() => resolveTranscode({ profile: 'default', variables: { crv: 1 } })).toThrow(
      /audio_bitrate, crf, format/,
    );
    expect(() => resolveTranscode({ profile: '-crf {quality}' })).toThrow(
      expect.objectContaining({
        code: 'TEMPLATE_VARIABLE_UNKNOWN',
        message: expect.stringContaining("'quality'"),
      }),
    );
    refused({ constructor: 'x' }, 'TEMPLATE_VARIABLE_UNKNOWN', 'constructor');
    refused(JSON.parse('{"__proto__": "x"}'), 'TEMPLATE_VARIABLE_UNKNOWN', '__proto__');
  });

  test.each([
    ['crf', '52'], ['crf', '-1'], ['crf', 'abc'], ['crf', ''], ['crf', '23 -i /x'],
    ['video_bitrate', '0'], ['video_bitrate', '10'], ['video_bitrate', '900M'], ['video_bitrate', '2 M'], ['video_bitrate', '2T'],
    ['video_bitrate', '-1M'], ['video_bitrate', '1e9'], ['video_bitrate', ''],
    ['height', '720,movie=/etc/passwd'], ['height', '720:flags=x'], ['height', '720[a]'], ['height', "720'"], ['height', '7 20'], ['height', '/etc'],
    ['title', 'a\nb'], ['title', 'a\0b'], ['title', 'a'.repeat(501)],
    ['codec', 'lib x264'], ['codec', '/x'], ['codec', 'a;b'],
    ['output_args', '-y'], ['output_args', '/tmp/x.ts'], ['output_args', 'file:/x'], ['output_args', 'pipe:2'], ['output_args', '-f mpegts pipe:1'],
    ['input_url', 'http://x/'],
  ])('%s cannot be %j', (name, value) => {
    refused({ [name]: value }, 'TEMPLATE_VARIABLE_INVALID', name);
  }); // biome-ignore format: a table

  test.each([
    ['crf', '0'], ['crf', '51'], ['crf', '22.5'], ['video_bitrate', '2500k'], ['video_bitrate', '2.5M'], ['video_bitrate', '800000'],
    ['height', '480'], ['codec', 'h264_nvenc'], ['output_args', 'pipe:1'], ['output_args', '-'], ['output_args', ''],
  ])('%s can be %j', (name, value) => {
    expect(resolveTranscode({ profile: TEMPLATE, variables: { [name]: value } }).variables[name]).toBe(value);
  }); // biome-ignore format: a table

  test('a value cannot start an option, whatever the variable is called', () => {
    for (const value of ['-y', '-i', '-f', '-attach', '--']) {
      expect(() => resolveTranscode({ profile: '-c copy {extra|-an}', variables: { extra: value } })).toThrow(
        expect.objectContaining({
          code: 'TEMPLATE_VARIABLE_INVALID',
          message: expect.stringContaining("'extra'"),
        }),
      );
    }
    // A default is the template's own text.
    expect(resolveTranscode({ profile: '-c copy {extra|-an}' }).args).toContain('-an');
  });

  test('a forbidden filter in a value is refused like one in the template', () => {
    expect(() =>
      resolveTranscode({ profile: '-vf {filters|null}', variables: { filters: 'movie=/x' } }),
    ).toThrow(expect.objectContaining({ code: 'TEMPLATE_OPTION_FORBIDDEN' }));
    const { args } = resolveTranscode({
      profile: '-vf {filters|null}',
      variables: { filters: 'hflip,scale=2:2' },
    });
    expect(args).toContain('hflip,scale=2:2');
  });

  test('a default is checked as well', () => {
    expect(() => resolveTranscode({ profile: '-crf {crf|99}' })).toThrow(
      expect.objectContaining({ code: 'TEMPLATE_VARIABLE_INVALID' }),
    );
  });

  test('whatever the value, it stays one argument, or is refused', () => {
    const template =
      '-i {input_url} -metadata title={title|x} -c:v {codec|libx264} -vf scale=-2:{h|2} -crf {crf|1} pipe:1';
    const plain = resolveTranscode({ profile: template }).args;
    fc.assert(
      fc.property(
        fc.constantFrom('title', 'codec', 'h', 'crf'),
        fc.string({ unit: 'binary' }),
        (name, value) => {
          try {
            const { args } = resolveTranscode({ profile: template, variables: { [name]: value } });
            expect(args).toHaveLength(plain.length);
            const changed = args.filter((arg, at) => arg !== plain[at]);
            expect(changed.length).toBeLessThanOrEqual(1);
          } catch (error) {
            expect((error as { code: string }).code).toMatch(/^TEMPLATE_/);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('every value that changes the bytes changes the arguments', () => {
    for (const { name } of listProfiles()) {
      const { args, variables } = resolveTranscode({ profile: name });
      for (const variable of Object.keys(variables).filter((known) => /crf|bitrate/.test(known))) {
        const value = variable === 'crf' ? '31' : '333k';
        const other = resolveTranscode({ profile: name, variables: { [variable]: value } });
        expect(other.args).not.toEqual(args);
        expect(other.args).toContain(value);
        expect(other.variables[variable]).toBe(value);
      }
    }
  });
});
