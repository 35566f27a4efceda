/** A request as it goes over the wire. `T` stands for the API token, `F` for the path of a file that must not be read. */
export interface RawCase {
  readonly name: string;
  readonly bytes: string;
  /** What may be answered; 400 by default. Closing without a word is no answer. */
  readonly may?: readonly number[];
}

const END = '\r\n\r\n';
const HOST = 'Host: x\r\nConnection: close';
const post = (headers: string, body: string): string =>
  `POST /streams HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Token: T\r\nContent-Type: application/json\r\n${headers}${END}${body}`;
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';

/** What two servers in a row could read differently (RFC 9112 §11.2), and what is no HTTP. */
export const SMUGGLING: readonly RawCase[] = [
  {
    name: 'both lengths',
    bytes: post(`Content-Length: 6\r\nTransfer-Encoding: chunked`, `0${END}${SMUGGLED}`),
  },
  {
    name: 'both lengths, the other way',
    bytes: post(`Transfer-Encoding: chunked\r\nContent-Length: 4`, `5c\r\n${SMUGGLED}0${END}`),
  },
  { name: 'two lengths', bytes: post('Content-Length: 0\r\nContent-Length: 40', SMUGGLED) },
  { name: 'two lengths in one', bytes: post('Content-Length: 0, 40', SMUGGLED) },
  { name: 'a length with a sign', bytes: post('Content-Length: +5', 'hello') },
  { name: 'a negative length', bytes: post('Content-Length: -1', SMUGGLED) },
  { name: 'a length in hexadecimal', bytes: post('Content-Length: 0x10', SMUGGLED) },
  { name: 'a length with a letter', bytes: post('Content-Length: 1a', SMUGGLED) },
  { name: 'a length beyond all numbers', bytes: post('Content-Length: 99999999999999999999999', 'x') },
  {
    name: 'a coding that is unknown',
    bytes: post('Transfer-Encoding: xchunked', `0${END}`),
    may: [400, 501],
  },
  {
    name: 'a coding twice',
    bytes: post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', `0${END}`),
  },
  { name: 'a coding with a tab', bytes: post('Transfer-Encoding:\tchunked\r\nContent-Length: 3', `0${END}`) },
  { name: 'a coding behind a vertical tab', bytes: post('Transfer-Encoding: \vchunked', `0${END}`) },
  { name: 'a coding in quotes', bytes: post('Transfer-Encoding: "chunked"', `0${END}`) },
  {
    name: 'a space before the colon',
    bytes: post('Transfer-Encoding : chunked\r\nContent-Length: 5', `0${END}`),
  },
  { name: 'a folded header', bytes: post('Transfer-Encoding:\r\n chunked\r\nContent-Length: 5', `0${END}`) },
  { name: 'a chunk size with a sign', bytes: post('Transfer-Encoding: chunked', `+5\r\nhello\r\n0${END}`) },
  {
    name: 'a chunk size in hexadecimal of C',
    bytes: post('Transfer-Encoding: chunked', `0x5\r\nhello\r\n0${END}`),
  },
  {
    name: 'a chunk size beyond all numbers',
    bytes: post('Transfer-Encoding: chunked', `fffffffffffffffff\r\nx`),
  },
  {
    name: 'a chunk that is longer than it said',
    bytes: post('Transfer-Encoding: chunked', `1\r\nhello\r\n0${END}`),
  },
  { name: 'chunks ended by line feeds', bytes: post('Transfer-Encoding: chunked', '1\n{\n0\n\n') },
  {
    name: 'an endless chunk extension',
    bytes: post('Transfer-Encoding: chunked', `1;${'a'.repeat(40_000)}\r\n{\r\n0${END}`),
    may: [400, 413, 431],
  },
  {
    name: 'a header in a trailer',
    bytes: post('Transfer-Encoding: chunked', `2\r\n{}\r\n0\r\nX-API-Token: T${END}`),
    may: [400, 422],
  },
  { name: 'a header without a colon', bytes: `GET / HTTP/1.1\r\nHost: x\r\nbroken${END}` },
  { name: 'a header without a name', bytes: `GET / HTTP/1.1\r\nHost: x\r\n: y${END}` },
  { name: 'a NUL in a header', bytes: `GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b${END}` },
  {
    name: 'a carriage return in a header',
    bytes: `GET / HTTP/1.1\r\nHost: x\r\nX-A: a\rX-API-Token: T${END}`,
  },
  { name: 'a NUL in a name', bytes: `GET / HTTP/1.1\r\nHost: x\r\nX-\0A: b${END}` },
  { name: 'a NUL in the path', bytes: `GET /\0 HTTP/1.1\r\n${HOST}${END}` },
  { name: 'no host', bytes: `GET /streams HTTP/1.1${END}` },
  {
    name: 'two hosts',
    bytes: `GET /streams HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close${END}`,
    may: [400, 401],
  },
  {
    name: 'an endless header',
    bytes: `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(64 * 1024)}${END}`,
    may: [431],
  },
  {
    name: 'headers without end',
    bytes: `GET / HTTP/1.1\r\nHost: x\r\n${'X-A: b\r\n'.repeat(8_000)}\r\n`,
    may: [431],
  },
  {
    name: 'an endless path',
    bytes: `GET /${'a'.repeat(64 * 1024)} HTTP/1.1\r\n${HOST}${END}`,
    may: [414, 431],
  },
  { name: 'no version', bytes: 'GET /\r\n\r\n', may: [400, 401] },
  { name: 'a version that is none', bytes: `GET / HTTP/9.9\r\n${HOST}${END}` },
  { name: 'HTTP/2 by prior knowledge', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  { name: 'TLS', bytes: `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'a'.repeat(500)}` },
  { name: 'noise', bytes: '\xff\xfe\x00\x01'.repeat(100) + END },
  { name: 'a method that is none', bytes: `G\u00cbT / HTTP/1.1\r\n${HOST}${END}` },
  { name: 'CONNECT', bytes: `CONNECT 127.0.0.1:22 HTTP/1.1\r\n${HOST}${END}`, may: [400, 405] },
  { name: 'TRACE', bytes: `TRACE /streams HTTP/1.1\r\nX-API-Token: T\r\n${HOST}${END}`, may: [405] },
  {
    name: 'an upgrade',
    bytes: `GET /streams HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close${END}`,
    may: [400, 401],
  },
  {
    name: 'a proxy request',
    bytes: `GET http://169.254.169.254/latest/ HTTP/1.1\r\n${HOST}${END}`,
    may: [400, 404],
  },
  { name: 'asterisk form', bytes: `GET * HTTP/1.1\r\n${HOST}${END}`, may: [400, 404] },
  { name: 'an answer in the place of a request', bytes: `HTTP/1.1 200 OK\r\n${HOST}${END}` },
];

/** Requests that take their time. The server under test waits a second. */
export const SLOW: readonly RawCase[] = [
  { name: 'nothing but a line', bytes: 'GET / HTTP/1.1\r\n', may: [408] },
  { name: 'half a header', bytes: 'GET / HTTP/1.1\r\nHost: x\r\nX-A: ', may: [408] },
  { name: 'half a body', bytes: post('Content-Length: 1000', '{'), may: [408] },
  { name: 'half a chunk', bytes: post('Transfer-Encoding: chunked', '10\r\n{'), may: [408] },
  {
    name: 'a body that never begins',
    bytes: post('Content-Length: 10\r\nExpect: 100-continue', ''),
    may: [100, 408],
  },
];

/** Paths that want out of where they are. All without a token but `/stream` and `/hls`. */
export const PATHS: readonly string[] = [
  ...[
    '/../../../../F',
    '/..%2f..%2f..%2fF',
    '/%2e%2e/%2e%2e/F',
    '/..;/..;/F',
    '/....//....//F',
    '/..\\..\\F',
    '/%5c..%5c..F',
    '/%252e%252e/F',
    '/%c0%ae%c0%ae/F',
  ],
  ...[
    '/stream/../../F',
    '/stream/..%2f..%2fF',
    '/stream/%2e%2e%2fF',
    '/stream/%00',
    '/stream/%ff',
    '/stream/%',
    '/stream/x%0d%0aX:y',
    '/stream/__proto__',
  ],
  ...[
    '/stream/constructor',
    '/stream/x/../../streams',
    '/stream/x%2f..%2f..%2fstreams',
    '/stream//streams',
    '/stream/?url=file://F',
    '/stream/x?url=http://169.254.169.254/',
  ],
  ...[
    '/hls/x/segment?url=file://F',
    '/hls/x/segment?url=http://169.254.169.254/',
    '/hls/x/../../../F',
    '/hls/x/segment/..%2f..%2fF',
    '/hls/x/segment/%2e%2e/F',
  ],
  ...[
    '/hls/__proto__/playlist.m3u8',
    '/hls/x/segment/file:%2f%2fF',
    '/hls/x/variant/..%2f..%2fF.m3u8',
    '/hls/%2e%2e/playlist.m3u8',
  ],
  ...[
    '/docs/../streams',
    '/docs/%2e%2e/streams',
    '/docs/..%2fstreams',
    '/openapi.json/../streams',
    '/healthz/../streams',
    '//streams',
    '/streams//',
    '/./streams',
    '/STREAMS',
    '/streams;x=/docs',
  ],
  ...[
    '/internal/relay/x',
    '/internal/control/x',
    '/internal/hls/x/playlist.m3u8',
    '/.env',
    '/.git/config',
    '/node_modules/',
    '/proc/self/environ',
    '/data/streampool.db',
  ],
];

/** Tokens that are none. As header, as bearer and as query each. */
export const FORGERIES: readonly string[] = [
  ...[
    '',
    ' ',
    'null',
    'undefined',
    '0',
    'true',
    '[]',
    '*',
    '%',
    "' OR 1=1 --",
    '{"$ne":null}',
    'T ',
    ' T',
    'Tx',
    'tT',
    'T\u00e9',
    'T,T',
    'Bearer T',
  ],
  ...['eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.', 'A'.repeat(8_000), '../T', '%00T', 'T%00', 'T;T'],
];

/** Bodies of `POST /streams`, with a good token. `R` may be answered beside 4xx: nothing. */
export const BODIES: readonly (readonly [name: string, body: string, type?: string])[] = [
  ['nothing', ''],
  ['no JSON', '{"url": '],
  ['a list', '[]'],
  ['null', 'null'],
  ['a string', '"http://outside.test/"'],
  ['two objects', '{}{}'],
  ['a comment', '{/* */}'],
  ['no URL', '{}'],
  ['a URL that is a list', '{"url":["http://outside.test/"]}'],
  ['a URL that is an object', '{"url":{"toString":"x"}}'],
  ['a URL that is a number', '{"url":1}'],
  ['as a form', 'url=http%3A%2F%2Foutside.test%2F', 'application/x-www-form-urlencoded'],
  ['as text', '{"url":"http://outside.test/"}', 'text/plain'],
  ['as XML', '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><url>&e;</url>', 'application/xml'],
  ['two megabytes', `{"url":"http://outside.test/","metadata":{"a":"${'a'.repeat(2_000_000)}"}}`],
  ['a hundred thousand levels', `{"metadata":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`],
  ['nested metadata', '{"url":"http://outside.test/","metadata":{"a":{"b":1}}}'],
  ['metadata that is a list', '{"url":"http://outside.test/","metadata":[1]}'],
  ['a header with a line end', '{"url":"http://outside.test/","headers":{"X-A":"a\\r\\nX-B: b"}}'],
  ['a header with a NUL', '{"url":"http://outside.test/","headers":{"X-A":"a\\u0000b"}}'],
  ['a header whose name breaks out', '{"url":"http://outside.test/","headers":{"X-A: b\\r\\nX-B":"c"}}'],
  ['a header without a name', '{"url":"http://outside.test/","headers":{"":"c"}}'],
  ['a user agent with a line end', '{"url":"http://outside.test/","user_agent":"a\\r\\nX-B: b"}'],
  ['a failover URL that is a file', '{"url":"http://outside.test/","failover_urls":["file:///etc/passwd"]}'],
  [
    'a resolver that is a file',
    '{"url":"http://outside.test/","failover_resolver_url":"file:///etc/passwd"}',
  ],
  ['failover URLs that are text', '{"url":"http://outside.test/","failover_urls":"http://outside.test/"}'],
  ['a time that is negative', '{"url":"http://outside.test/","stall_timeout":-1}'],
  ['a time that is infinite', '{"url":"http://outside.test/","stall_timeout":1e999}'],
  ['a time that is text', '{"url":"http://outside.test/","stall_timeout":"soon"}'],
];
