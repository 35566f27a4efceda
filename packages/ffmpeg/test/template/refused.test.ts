import fc from 'fast-check';
import { resolveTranscode } from '../../src/index.ts';

/** A template, the code it must be refused with, and a word of the message that names the culprit. */
type Refusal = [template: string, code: string, culprit: string];

function check([template, code, culprit]: Refusal): void {
  expect(() => resolveTranscode({ profile: template })).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(culprit) }),
  );
}

const O = 'TEMPLATE_OPTION_FORBIDDEN';
const P = 'TEMPLATE_PROTOCOL_FORBIDDEN';
const OUT = 'TEMPLATE_OUTPUT_FORBIDDEN';
const IN = 'TEMPLATE_INPUT_FORBIDDEN';
const BAD = 'TEMPLATE_INVALID';

describe('outputs', () => {
  test.each<Refusal>([
    ['-i {input_url} -c copy /tmp/x.ts', OUT, '/tmp/x.ts'],
    ['-i {input_url} -c copy x.ts', OUT, 'x.ts'],
    ['-i {input_url} -c copy pipe:1 x.ts', OUT, 'x.ts'],
    ['-i {input_url} -c copy x.ts pipe:1', OUT, 'pipe:1'],
    ['-i {input_url} -c copy pipe:1 pipe:1', OUT, 'second output'],
    ['-i {input_url} -c copy pipe:1 -f mpegts x.ts', OUT, '-f'],
    ['-i {input_url} -c copy pipe:2', P, 'pipe:2'],
    ['-i {input_url} -c copy pipe:3', P, 'pipe:3'],
    ['-i {input_url} -c copy file:/tmp/x', P, 'file:/tmp/x'],
    ['-i {input_url} -c copy http://evil/x', P, 'http://evil/x'],
    ['-i {input_url} -c copy tcp://127.0.0.1:6379', P, 'tcp://'],
    ['-i {input_url} -c copy udp://239.0.0.1:1', P, 'udp://'],
    ['-i {input_url} -c copy rtmp://x/y', P, 'rtmp://'],
    ['-i {input_url} -c copy unix:/run/x', P, 'unix:'],
    ['-i {input_url} -c copy tee:a|b', P, 'tee:'],
    ['-i {input_url} -f tee "[f=mpegts]/tmp/x|pipe:1"', OUT, 'tee'],
    ['-i {input_url} -f segment x%d.ts', OUT, 'segment'],
    ['-i {input_url} -f matroska pipe:1', OUT, 'matroska'],
    ['-i {input_url} -f mp4 pipe:1', OUT, 'mp4'],
    ['-i {input_url} -f fifo pipe:1', OUT, 'fifo'],
    ['-i {input_url} -f hls /var/www/x.m3u8', OUT, '/var/www/x.m3u8'],
    ['-i {input_url} -f hls ../x.m3u8', OUT, '../x.m3u8'],
    ['-i {input_url} -f mpegts index.m3u8', OUT, 'index.m3u8'],
    ['-i {input_url} -f hls index.m3u8 other.m3u8', OUT, 'other.m3u8'],
    ['-c copy {input_url}', IN, '{input_url}'],
    ['-c copy copy', OUT, 'copy'],
    // FFmpeg takes `-an` without a value: what follows is an output.
    ['-i {input_url} -an /etc/cron.d/x', OUT, '/etc/cron.d/x'],
    ['-i {input_url} -shortest 1 pipe:1', OUT, 'pipe:1'],
    // The program's own -stats hides the encoder's, which would take a file.
    ['-i {input_url} -stats:v /tmp/x', OUT, '/tmp/x'],
    ['-i {input_url} -c:v libx264 -b:v -i pipe:1', BAD, '-b:v'],
    ['-i {input_url} -- -x', O, '--'],
  ])('%j', (...refusal) => check(refusal));
});

describe('inputs', () => {
  test.each<Refusal>([
    ['-i /etc/passwd', IN, '/etc/passwd'],
    ['-i {input_url} -i /etc/passwd', IN, '/etc/passwd'],
    ['-i {input_url} -i {input_url}', IN, 'second'],
    ['-i http://other/x -c copy', IN, 'http://other/x'],
    ['-i concat:{input_url}|/etc/passwd', IN, 'concat:'],
    ['-i subfile,,start,0,end,0,,:/etc/passwd', IN, 'subfile'],
    ['-i pipe:0', IN, 'pipe:0'],
    ['-i', IN, 'input_url'],
    ['-i -c copy', IN, '-c'],
    ['-f lavfi -i {input_url} -c copy', IN, 'lavfi'],
    ['-f lavfi -i testsrc -c copy', IN, 'testsrc'],
    ['-f concat -safe 0 -i {input_url}', O, '-safe'],
    ['-f concat -i {input_url}', IN, 'concat'],
    ['-f v4l2 -i {input_url}', IN, 'v4l2'],
    ['-f x11grab -i {input_url}', IN, 'x11grab'],
    ['-f image2 -i {input_url}', IN, 'image2'],
    ['-f sdp -i {input_url}', IN, 'sdp'],
    ['-metadata title={input_url}', IN, '{input_url}'],
    ['-vf {input_url}', BAD, '-vf'],
  ])('%j', (...refusal) => check(refusal));
});

describe('options that open, write, load or run something', () => {
  test.each<Refusal>(
    (
      [
        '-protocol_whitelist file,http',
        '-protocol_blacklist x',
        '-filter_script x',
        '-filter_script:v /tmp/x',
        '-filter_complex_script /tmp/x',
        '-/filter_complex /tmp/x',
        '-/vf /tmp/x',
        '-attach /etc/passwd',
        '-dump_attachment:t out',
        '-vstats',
        '-vstats_file /tmp/x',
        '-pass 1',
        '-passlogfile /tmp/x',
        '-sdp_file /tmp/x',
        '-report',
        '-progress /tmp/x',
        '-progress http://evil/x',
        '-vpre /tmp/x',
        '-fpre /tmp/x',
        '-pre x',
        '-dump',
        '-hex',
        '-dump_separator x',
        '-cryptokey 00',
        '-key 00',
        '-decryption_key 00',
        '-http_proxy http://evil',
        '-ca_file /etc/passwd',
        '-cert_file x',
        '-hls_key_info_file /tmp/x',
        '-segment_list /tmp/x',
        '-export_path /tmp',
        '-content_type x',
        '-post_data x',
        '-listen 1',
        '-interface eth0',
        '-load_plugin x',
        '-load_plugins x',
        '-pixel_format x',
        '-h',
        '-version',
        '-sources alsa',
        '-benchmark',
        '-timelimit 1',
        '-target dvd',
        '-x',
        '-no-such-option 1',
        '-c:v:$(id) copy',
      ] as const
    ).map((option) => [`-i {input_url} ${option} -f mpegts pipe:1`, O, option.split(' ')[0]!]),
  )('%j', (...refusal) => check(refusal));

  test.each<Refusal>([
    ['-init_hw_device vaapi=va:/etc/passwd -i {input_url}', BAD, '-init_hw_device'],
    ['-init_hw_device vaapi=va:/dev/dri/../../etc/passwd -i {input_url}', BAD, '-init_hw_device'],
    ['-init_hw_device opencl=a:x.y,build=/tmp/x -i {input_url}', BAD, '-init_hw_device'],
    ['-vaapi_device /tmp/x -i {input_url}', BAD, '-vaapi_device'],
    ['-vaapi_device :0 -i {input_url}', BAD, '-vaapi_device'],
    ['-hwaccel vaapi -hwaccel_device /dev/sda -i {input_url}', BAD, '-hwaccel_device'],
    ['-c:v libx264 -x264-params stats=/tmp/x', O, 'stats=/tmp/x'],
    ['-c:v libx264 -x264-params crf=20:qpfile=/etc/passwd', O, 'qpfile'],
    ['-c:v libx264 -x264opts dump-yuv=/tmp/x', O, 'dump-yuv'],
    ['-c:v libx264 -x264opts cqmfile=/tmp/x', O, 'cqmfile'],
    ['-c:v libx264 -x264opts opencl-clbin=/tmp/x', O, 'opencl-clbin'],
    ['-c:v libx265 -x265-params csv=/tmp/x', O, 'csv'],
    ['-c:v libx265 -x265-params recon=/tmp/x', O, 'recon'],
    ['-c:v libx265 -x265-params analysis-save=x', O, 'analysis-save'],
    ['-c:v libx265 -x265-params crf=20:scaling-list=/etc/passwd', O, 'scaling-list'],
    ['-c:v libx265 -x265-params crf=/etc/passwd', O, 'crf=/etc/passwd'],
    ['-map_metadata 0:http://x', P, '-map_metadata'],
    ['-c:v file:/x', P, '-c:v'],
    ['-c:v /x', BAD, '-c:v'],
    ['-bsf:v ../x', BAD, '-bsf:v'],
    ['-map 1:v', BAD, '-map'],
    ['-map /etc/passwd', BAD, '-map'],
    ['-b:v', BAD, '-b:v'],
    ['-r "30 -i x"', BAD, '-r'],
    ['-c:v ""', BAD, '-c:v'],
    ['-hwaccel vaapi -i {input_url} -hwaccel_output_format vaapi', BAD, '-hwaccel_output_format'],
    ['-vf scale=1:1 -i {input_url}', BAD, '-vf'],
  ])('%j', (...refusal) => check(refusal));
});

describe('filters', () => {
  const graphs: [graph: string, culprit: string][] = [
    ['movie=/etc/passwd', 'movie'],
    ['scale=1280:720,movie=/etc/passwd', 'movie'],
    ['[in]scale=1:1[a];movie=x[b];[a][b]overlay', 'movie'],
    ['amovie=x', 'amovie'],
    ['movie@name=x', 'movie'],
    ["'movie'=x", 'movie'],
    ['m\\ovie=x', 'movie'],
    ["mo'vie'=x", 'movie'],
    [' movie =x', 'movie'],
    ['null[a];[a]movie=x', 'movie'],
    ['sws_flags=bilinear;movie=x', 'movie'],
    ["scale='1:1',movie=x", 'movie'],
    ['scale=1\\,1,movie=x', 'movie'],
    ['subtitles=/etc/passwd', 'subtitles'],
    ['ass=x', 'ass'],
    ['drawtext=textfile=/etc/passwd', 'drawtext'],
    ['lut3d=/x', 'lut3d'],
    ['curves=psfile=/x', 'curves'],
    ['metadata=print:file=/tmp/x', 'metadata'],
    ['ametadata=print:file=/tmp/x', 'ametadata'],
    ['psnr=stats_file=/tmp/x', 'psnr'],
    ['ssim=/tmp/x', 'ssim'],
    ['signature=filename=/tmp/x', 'signature'],
    ['vidstabdetect=result=/tmp/x', 'vidstabdetect'],
    ['sendcmd=f=/tmp/x', 'sendcmd'],
    ['zmq=bind_address=tcp\\\\://*\\\\:1', 'zmq'],
    ['frei0r=x', 'frei0r'],
    ['ladspa=/tmp/x.so', 'ladspa'],
    ['lv2=x', 'lv2'],
    ['removelogo=/x', 'removelogo'],
    ['program_opencl=source=/x', 'program_opencl'],
    ['libplacebo=custom_shader_path=/x', 'libplacebo'],
    ['arnndn=m=/x', 'arnndn'],
    ['sofalizer=/x', 'sofalizer'],
    ['firequalizer=dumpfile=/x', 'firequalizer'],
    ['nnedi=weights=/x', 'nnedi'],
    ['testsrc', 'testsrc'],
    ['color=black', 'color'],
    ['anullsrc', 'anullsrc'],
    ['scale=/w=/etc/passwd', 'scale'],
    ['scale=1:/h=/etc/passwd', 'scale'],
    ['scale=1:\\/h=/etc/passwd', 'scale'],
  ];

  test.each(graphs)('%j', (graph, culprit) => {
    for (const option of ['-vf', '-af', '-filter:v', '-filter_complex', '-lavfi']) {
      const quoted = `'${graph.replaceAll("'", `'\\''`)}'`;
      check([`-i {input_url} ${option} ${quoted} -f mpegts pipe:1`, O, culprit]);
    }
  });

  test.each(['', ',', 'scale=1:1,', "scale='1", '[a', '[a]', 'scale=1:1]', ';', '=x'])(
    '%j cannot be read',
    (graph) => {
      check([`-i {input_url} -vf '${graph.replaceAll("'", `'\\''`)}'`, BAD, '']);
    },
  );
});

describe('text', () => {
  test.each<Refusal>([
    ["-vf 'scale", BAD, 'quote'],
    ['-crf {crf|23', BAD, '{crf|23'],
    ['-crf crf}', BAD, 'crf}'],
    ['-crf {0x}', BAD, '{0x}'],
    [`-${'a'.repeat(9000)}`, BAD, '8192'],
  ])('%.40j', (...refusal) => check(refusal));

  test('a profile that is no template and no name', () => {
    expect(() => resolveTranscode({ profile: 'ultra' })).toThrow(
      expect.objectContaining({ code: 'PROFILE_UNKNOWN', message: expect.stringContaining('ultra') }),
    );
    expect(() => resolveTranscode({ profile: '' })).toThrow(
      expect.objectContaining({ code: 'PROFILE_UNKNOWN' }),
    );
    expect(() => resolveTranscode({ profile: '__proto__' })).toThrow(
      expect.objectContaining({ code: 'PROFILE_UNKNOWN' }),
    );
  });

  test('whatever is written, the answer is arguments with one input and one output, or a TEMPLATE_ error', () => {
    const word = fc.constantFrom(
      ...[
        '-i',
        '{input_url}',
        '-c',
        'copy',
        '-f',
        'mpegts',
        'pipe:1',
        '-',
        '--',
        '-an',
        '-y',
        '-vf',
        'scale=1:1',
        'movie=x',
        '/x',
      ],
      ...[
        '-map',
        '0',
        '-b:v',
        '1M',
        '{crf|23}',
        '-crf',
        'file:x',
        '{',
        "''",
        '-x264opts',
        'crf=1',
        'stats=x',
        '-hls_time',
      ],
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 14 }), (words) => {
        let args: readonly string[];
        try {
          args = resolveTranscode({ profile: `-an ${words.join(' ')}` }).args;
        } catch (error) {
          expect((error as { code: string }).code).toMatch(/^TEMPLATE_/);
          return;
        }
        expect(args.filter((arg) => arg === '-i')).toEqual(['-i']);
        expect(args.filter((arg) => arg === '{input_url}')).toEqual(['{input_url}']);
        expect(args.indexOf('{input_url}')).toBe(args.indexOf('-i') + 1);
        expect(args.slice(-3)).toEqual(['-f', 'mpegts', 'pipe:1']);
        expect(args.join(' ')).not.toMatch(/movie|file:|stats|(?:^| )\/x|-y\b|hls_/);
      }),
      { numRuns: 2_000 },
    );
  });
});
