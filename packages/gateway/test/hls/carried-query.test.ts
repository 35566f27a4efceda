import { splitQuery } from '../../src/hls/carried-query.ts';

const split = (query: string): [own: string, carried: string] => {
  const { own, carried } = splitQuery(new URLSearchParams(query));
  return [own.toString(), carried];
};

test.each<[query: string, own: string, carried: string]>([
  ['', '', ''],
  ['_HLS_part=2&_HLS_msn=7&client_id=a', '_HLS_msn=7&_HLS_part=2', 'client_id=a'],
  ['ll=TRUE&username=b', 'll=1', 'username=b'],
  ['ll=whatever', 'll=0', ''],
  ['from=start&_HLS_skip=YES', 'from=start&_HLS_skip=YES', ''],
  ['from=1&_HLS_skip=7&x=1&y=2&_HLS_report=z', '', ''],
  ['ll=1&ll=0', 'll=1', ''],
  ['api_token=secret&signature=s&expires=9', '', 'signature=s&expires=9'],
])('of %p the stream is asked with %p, and %p is carried on', (query, own, carried) => {
  expect(split(query)).toEqual([own, carried]);
});

test('a directive that makes no sense is the stream’s to refuse', () => {
  expect(split('_HLS_msn=soon')).toEqual(['_HLS_msn=soon', '']);
});
