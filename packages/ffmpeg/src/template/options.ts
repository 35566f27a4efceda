/** How an option's value is checked. `flag` has none. */
export type ValueKind =
  | 'flag'
  | 'word'
  | 'number'
  | 'codec'
  | 'text'
  | 'expression'
  | 'filter'
  | 'parameters'
  | 'map'
  | 'format'
  | 'device'
  | 'hardware';

export interface OptionRule {
  readonly value: ValueKind;
  /** Where FFmpeg takes it: `input` only before `-i`, `output` only after. */
  readonly place: 'any' | 'input' | 'output';
  /** Why it never reaches FFmpeg: accepted, since templates in use have it, and left out. */
  readonly dropped?: string;
}

const RULES = new Map<string, OptionRule>();

function allow(place: OptionRule['place'], value: ValueKind, names: string): void {
  for (const name of names.split(/\s+/).filter(Boolean)) RULES.set(name, { value, place });
}

function drop(value: ValueKind, dropped: string, names: string): void {
  for (const name of names.split(/\s+/).filter(Boolean)) RULES.set(name, { value, place: 'any', dropped });
}

// The program's own options (ffmpeg(1)). None of those that take a file, a URL or a preset file is here.
allow('any', 'codec', 'c codec vcodec acodec scodec dcodec');
allow('any', 'format', 'f');
allow(
  'any',
  'flag',
  'vn an sn dn copy_unknown ignore_unknown copyts start_at_zero accurate_seek noaccurate_seek bitexact',
);
allow('any', 'word', 'ss t to r s pix_fmt channel_layout ch_layout aspect');
allow('any', 'number', 'ar ac thread_queue_size itsscale');
allow('any', 'word', 'threads');
allow('input', 'flag', 're noautorotate fix_sub_duration');
allow('input', 'number', 'readrate stream_loop itsoffset sseof guess_layout_max autorotate seek_timestamp');
allow('input', 'device', 'hwaccel_device');
allow('input', 'word', 'hwaccel hwaccel_output_format hwaccel_flags');
allow('any', 'device', 'vaapi_device qsv_device');
allow('any', 'hardware', 'init_hw_device');
allow('any', 'word', 'filter_hw_device discard');
allow('output', 'map', 'map');
allow('output', 'filter', 'vf af filter filter_complex lavfi');
allow(
  'output',
  'word',
  'map_metadata map_chapters disposition fps_mode vsync copytb enc_time_base tag vtag atag stag',
);
allow('output', 'word', 'bsf vbsf absf sample_fmt abort_on streamid');
allow('output', 'text', 'metadata');
allow('output', 'expression', 'force_key_frames');
allow('output', 'flag', 'shortest copyinkf noautoscale force_fps');
allow(
  'output',
  'number',
  `frames vframes aframes async max_muxing_queue_size muxing_queue_data_threshold muxdelay muxpreload fs vol q qscale
  filter_threads filter_complex_threads autoscale apad reinit_filter dts_delta_threshold dts_error_threshold max_error_rate`,
);

// Containers (ffmpeg-formats(1)): what is common to all, MPEG-TS and HLS input.
allow(
  'any',
  'word',
  `fflags flags flags2 probesize analyzeduration fpsprobesize formatprobesize max_delay avoid_negative_ts err_detect strict
  avioflags f_strict rtbufsize max_interleave_delta flush_packets start_time_realtime max_ts_probe correct_ts_overflow
  use_wallclock_as_timestamps max_streams max_probe_packets skip_estimate_duration_from_pts fdebug indexmem`,
);
allow(
  'input',
  'number',
  `scan_all_pmts merge_pmt_versions fix_teletext_pts resync_size skip_unknown_pmt live_start_index prefer_x_start
  max_reload m3u8_hold_counters http_persistent http_multiple http_seekable extension_picky skip_initial_bytes`,
);
allow(
  'output',
  'word',
  `mpegts_transport_stream_id mpegts_original_network_id mpegts_service_id mpegts_service_type mpegts_pmt_start_pid
  mpegts_start_pid mpegts_m2ts_mode mpegts_flags mpegts_copyts muxrate pes_payload_size pat_period sdt_period nit_period
  pcr_period output_ts_offset tables_version omit_video_pes_length packetsize`,
);

// Codecs (ffmpeg-codecs(1)): numbers, flags and names. Options naming files (stats, passlogfile, dump, …) are not here.
allow(
  'any',
  'number',
  `b ab vb minrate maxrate bufsize g keyint_min sc_threshold bf refs qmin qmax qdiff crf crf_max cq qp qp_i qp_p qp_b
  rc_lookahead rc-lookahead global_quality`,
);
allow(
  'any',
  'word',
  `rc_init_occupancy b_strategy qcomp qblur i_qfactor b_qfactor b_qoffset i_qoffset mbd me_range subq trellis coder cmp subcmp mbcmp dia_size level profile
  vprofile aprofile preset tune rc rc_mode compression_level slices slice_max_size slice-max-size thread_type field_order color_primaries color_trc colorspace
  color_range chroma_sample_location bits_per_raw_sample time_base skip_frame skip_loop_filter skip_idct lowres ec
  idct skip_alpha drc_scale apply_cropping extra_hw_frames error_rate side_data_only_packets alpha_quality`,
);
// libx264 and libx265.
allow(
  'output',
  'word',
  `fastfirstpass aq-mode aq-strength psy psy-rd weightb weightp ssim intra-refresh bluray-compat b-bias b-pyramid
  mixed-refs 8x8dct fast-pskip aud mbtree deblock cplxblur partitions direct-pred nal-hrd avcintra-class me_method
  motion-est forced-idr a53cc chromaoffset udu_sei noise_reduction`,
);
allow('output', 'parameters', 'x264-params x264opts x265-params');
// NVENC, Quick Sync, VA-API, AMF, V4L2, VideoToolbox, and the CUVID and Quick Sync decoders.
allow(
  'any',
  'word',
  `gpu surfaces delay zerolatency spatial-aq spatial_aq temporal-aq temporal_aq no-scenecut strict_gop nonref_p b_ref_mode
  multipass weighted_pred cbr 2pass tier dpb_size init_qpP init_qpB init_qpI ldkfs constrained-encoding cbr_padding
  async_depth look_ahead look_ahead_depth look_ahead_downsampling low_power idr_interval b_depth blbrc quality usage
  preanalysis vbaq enforce_hrd filler_data frame_skipping header_insertion_mode max_au_size int_ref_frame_size
  extbrc adaptive_i adaptive_b forced_idr low_delay_brc scenario avbr_accuracy avbr_convergence max_frame_size mbbrc rdo
  num_output_buffers num_capture_buffers realtime allow_sw require_sw deint drop_second_field resize crop
  low_latency gpu_copy sei cavlc coder single_sei_nal_unit a53_cc`,
);
// Sound encoders (aac, mp2, ac3, eac3, libmp3lame, libopus, libfdk_aac).
allow(
  'output',
  'word',
  `aac_coder aac_ms aac_is aac_pns aac_tns aac_ltp aac_pce cutoff vbr afterburner eld_sbr signaling latm application
  frame_duration packet_loss mapping_family apply_phase_inv abr joint_stereo reservoir dialnorm center_mixlev
  surround_mixlev dsur_mode dmix_mode ltrt_cmixlev room_type mixing_level copyright original per_frame_metadata`,
);

drop('flag', 'FFmpeg writes to a pipe and is never asked', 'y n nostdin stdin hide_banner stats nostats');
drop('word', 'messages are kept at the level that the supervision needs', 'v loglevel stats_period');
const UPSTREAM = 'the upstream client reads the source, with the headers and time limits of the stream';
drop('text', UPSTREAM, 'user_agent user-agent headers referer cookies icy http_version method');
drop(
  'word',
  UPSTREAM,
  `reconnect reconnect_at_eof reconnect_streamed reconnect_on_network_error reconnect_on_http_error reconnect_delay_max
  timeout rw_timeout listen_timeout multiple_requests seekable short_seek_size tls_verify verify send_expect_100`,
);
const HLS = 'playlists and segments are cut from the MPEG-TS output';
drop(
  'text',
  HLS,
  `hls_time hls_init_time hls_list_size hls_delete_threshold hls_flags hls_segment_type hls_segment_filename hls_allow_cache
  hls_playlist_type hls_base_url hls_fmp4_init_filename hls_start_number_source hls_segment_size hls_enc start_number
  master_pl_name master_pl_publish_rate var_stream_map strftime hls_segment_options hls_ts_options`,
);

/** The rule for an option's name (without `-` and stream specifier), or undefined if it is not allowed. */
export function optionRule(name: string): OptionRule | undefined {
  return RULES.get(name);
}

export function allowedOptions(): ReadonlyMap<string, OptionRule> {
  return RULES;
}
