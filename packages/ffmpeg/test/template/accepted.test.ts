import { resolveTranscode } from '../../src/index.ts';

/** The arguments that come from the template itself: without what is put in by default. */
const DEFAULTS = new Set([
  '-fflags', '-analyzeduration', '-fpsprobesize', '-threads', '-muxdelay', '-muxpreload', '-output_ts_offset', '-pcr_period',
  '-flush_packets', '-max_interleave_delta', '-max_muxing_queue_size', '-force_key_frames',
]); // biome-ignore format: a list

function own(profile: string, variables?: Record<string, string | number>): string {
  const { args } = resolveTranscode({ profile, ...(variables ? { variables } : {}) });
  const kept: string[] = [];
  for (let at = 0; at < args.length; at++) {
    if (DEFAULTS.has(args[at]!)) at++;
    else kept.push(args[at]!);
  }
  return kept.join(' ');
}

describe('templates that people use', () => {
  test('the usual one, with and without values', () => {
    const template =
      '-i {input_url} -c:v libx264 -preset faster -crf {crf|23} -maxrate {video_bitrate|2500k} -bufsize 5000k -c:a aac -b:a {audio_bitrate|128k} -f {format|mpegts} {output_args|pipe:1}';
    expect(own(template)).toBe(
      '-i {input_url} -c:v libx264 -preset faster -crf 23 -maxrate 2500k -bufsize 5000k -c:a aac -b:a 128k -f mpegts pipe:1',
    );
    const resolved = resolveTranscode({ profile: template, variables: { crf: 20, video_bitrate: '4M' } });
    expect(resolved).toMatchObject({
      profile: 'custom',
      format: 'mpegts',
      contentType: 'video/mp2t',
      variables: {
        crf: '20',
        video_bitrate: '4M',
        audio_bitrate: '128k',
        format: 'mpegts',
        output_args: 'pipe:1',
      },
      dropped: [],
    });
    expect(resolved.args).toEqual(expect.arrayContaining(['-crf', '20', '-maxrate', '4M']));
  });

  test.each<[string, string]>([
    ['-c copy', '-i {input_url} -c copy -f mpegts pipe:1'],
    ['-i {input_url} -c copy', '-i {input_url} -c copy -f mpegts pipe:1'],
    ['-i {input_url} -c copy -', '-i {input_url} -c copy -f mpegts pipe:1'],
    ['-i {input_url} -c copy pipe:', '-i {input_url} -c copy -f mpegts pipe:1'],
    ['-i "{input_url}" -c copy -f mpegts', '-i {input_url} -c copy -f mpegts pipe:1'],
    ['-i {input_url} -c copy {output_args|}', '-i {input_url} -c copy -f mpegts pipe:1'],
    [
      '-hwaccel vaapi -hwaccel_output_format vaapi -hwaccel_device /dev/dri/renderD128 -i {input_url} -vf scale_vaapi=w=1280:h=720:format=nv12 -c:v h264_vaapi -qp 24',
      '-hwaccel vaapi -hwaccel_output_format vaapi -hwaccel_device /dev/dri/renderD128 -i {input_url} -vf scale_vaapi=w=1280:h=720:format=nv12 -c:v h264_vaapi -qp 24 -f mpegts pipe:1',
    ],
    // Without -i, options of the input are told from the others.
    [
      '-hwaccel cuda -c:v h264_nvenc -preset p4 -rc vbr -cq 23',
      '-hwaccel cuda -i {input_url} -c:v h264_nvenc -preset p4 -rc vbr -cq 23 -f mpegts pipe:1',
    ],
    [
      '-init_hw_device vaapi=va:/dev/dri/renderD128 -filter_hw_device va -i {input_url} -vf format=nv12,hwupload -c:v h264_vaapi',
      '-init_hw_device vaapi=va:/dev/dri/renderD128 -filter_hw_device va -i {input_url} -vf format=nv12,hwupload -c:v h264_vaapi -f mpegts pipe:1',
    ],
    [
      '-init_hw_device qsv=hw -i {input_url} -c:v h264_qsv -global_quality 25 -look_ahead 1',
      '-init_hw_device qsv=hw -i {input_url} -c:v h264_qsv -global_quality 25 -look_ahead 1 -f mpegts pipe:1',
    ],
    [
      '-hwaccel cuda -hwaccel_output_format cuda -c:v h264_cuvid -i {input_url} -vf yadif_cuda,scale_cuda=-2:720 -c:v h264_nvenc -b:v 3M',
      '-hwaccel cuda -hwaccel_output_format cuda -c:v h264_cuvid -i {input_url} -vf yadif_cuda,scale_cuda=-2:720 -c:v h264_nvenc -b:v 3M -f mpegts pipe:1',
    ],
    [
      '-i {input_url} -map 0:v:0 -map 0:a? -map -0:s -c:v copy -c:a ac3 -b:a 448k',
      '-i {input_url} -map 0:v:0 -map 0:a? -map -0:s -c:v copy -c:a ac3 -b:a 448k -f mpegts pipe:1',
    ],
    [
      '-i {input_url} -filter_complex [0:v]scale=-2:720,fps=30[v];[0:a]loudnorm=I=-16:TP=-1.5[a] -map [v] -map [a] -c:v libx264',
      '-i {input_url} -filter_complex [0:v]scale=-2:720,fps=30[v];[0:a]loudnorm=I=-16:TP=-1.5[a] -map [v] -map [a] -c:v libx264 -f mpegts pipe:1',
    ],
    [
      `-i {input_url} -vf "scale='min(1280,iw)':-2,setsar=1" -c:v libx264 -x264-params keyint=50:min-keyint=50:scenecut=0`,
      `-i {input_url} -vf scale='min(1280,iw)':-2,setsar=1 -c:v libx264 -x264-params keyint=50:min-keyint=50:scenecut=0 -f mpegts pipe:1`,
    ],
    [
      '-i {input_url} -c:v libx264 -g 50 -sc_threshold 0 -profile:v high -level 4.1 -pix_fmt yuv420p -r 30000/1001 -s 1280x720 -aspect 16:9',
      '-i {input_url} -c:v libx264 -g 50 -sc_threshold 0 -profile:v high -level 4.1 -pix_fmt yuv420p -r 30000/1001 -s 1280x720 -aspect 16:9 -f mpegts pipe:1',
    ],
    [
      `-i {input_url} -c copy -metadata service_name='My Channel: "1" /a' -metadata:s:a:0 language=eng -mpegts_flags +resend_headers -bsf:v h264_mp4toannexb`,
      `-i {input_url} -c copy -metadata service_name=My Channel: "1" /a -metadata:s:a:0 language=eng -mpegts_flags +resend_headers -bsf:v h264_mp4toannexb -f mpegts pipe:1`,
    ],
    [
      '-i {input_url} -c:v libx264 -force_key_frames expr:gte(t,n_forced*2) -x264opts no-scenecut',
      '-i {input_url} -c:v libx264 -x264opts no-scenecut -f mpegts pipe:1',
    ],
    ['-vn -c:a libmp3lame -q:a 2', '-i {input_url} -vn -c:a libmp3lame -q:a 2 -f mpegts pipe:1'],
    ['-re -i {input_url} -c copy', '-re -i {input_url} -c copy -f mpegts pipe:1'],
    [
      '-ss 00:01:30 -i {input_url} -t 60 -c copy',
      '-ss 00:01:30 -i {input_url} -t 60 -c copy -f mpegts pipe:1',
    ],
    ['-f mpegts -i {input_url} -c copy', '-f mpegts -i {input_url} -c copy -f mpegts pipe:1'],
    [
      '-i {input_url} -af pan=stereo|c0=c0|c1=c1,aresample=async=1 -c:a aac',
      '-i {input_url} -af pan=stereo|c0=c0|c1=c1,aresample=async=1 -c:a aac -f mpegts pipe:1',
    ],
  ])('%j', (template, args) => {
    expect(own(template)).toBe(args);
  });

  test('what never concerns FFmpeg here is left out, and said', () => {
    const template =
      '-y -nostdin -loglevel error -user_agent "VLC/3.0" -headers "X: y" -reconnect 1 -reconnect_streamed 1 -reconnect_delay_max 5 -i {input_url} -c copy -f mpegts pipe:1';
    expect(own(template)).toBe('-i {input_url} -c copy -f mpegts pipe:1');
    const { dropped } = resolveTranscode({ profile: template });
    expect(dropped.map(({ option }) => option)).toEqual([
      '-y',
      '-nostdin',
      '-loglevel',
      '-user_agent',
      '-headers',
      '-reconnect',
      '-reconnect_streamed',
      '-reconnect_delay_max',
    ]);
    expect(dropped.every(({ reason }) => reason.length > 10)).toBe(true);
  });

  test('a template for HLS becomes MPEG-TS: playlists are cut from it', () => {
    const template =
      '-fflags +genpts -i {input_url} -c:v libx264 -b:v {bitrate|2000k} -hls_time 5 -hls_list_size 15 -hls_flags delete_segments -hls_segment_filename /tmp/x%d.ts -f hls {output_args|index.m3u8}';
    const resolved = resolveTranscode({ profile: template, outputFormat: 'hls' });
    expect(own(template)).toBe('-i {input_url} -c:v libx264 -b:v 2000k -f mpegts pipe:1');
    expect(resolved.args.join(' ')).not.toMatch(/hls|\/tmp/);
    expect(resolved.dropped).toHaveLength(4);
  });
});

describe('what is put in by default', () => {
  const args = (profile: string) => resolveTranscode({ profile }).args.join(' ');

  test('probing is short, packets leave at once, keyframes come every two seconds', () => {
    const all = args('-i {input_url} -c:v libx264');
    expect(all).toMatch(/-fpsprobesize 0 .*-i/);
    expect(all).toMatch(/-i .*-force_key_frames expr:\S+ .*-flush_packets 1/);
  });

  test("the template's own settings win", () => {
    const all = args(
      '-analyzeduration 3M -fflags +igndts -threads 1 -i {input_url} -c:v libx264 -g 25 -muxdelay 1',
    );
    expect(all).not.toContain('force_key_frames');
    expect(all.match(/-(?:analyzeduration|fflags|muxdelay)/g)).toHaveLength(3);
    expect(all.match(/-threads/g)).toHaveLength(1);
  });

  test.each(['-c copy', '-c:v copy -c:a aac', '-vcodec copy', '-codec:v:0 copy', '-vn'])(
    '%s asks for no keyframes',
    (template) => {
      expect(args(template)).not.toContain('force_key_frames');
    },
  );
});
