import { plainAddress } from '../src/viewers/viewer-identity.ts';

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['192.0.2.7:50123', '192.0.2.7'],
  ['[2001:db8::7]:50123', '2001:db8::7'],
  ['[2001:db8::7]', '2001:db8::7'],
  ['2001:db8::7', '2001:db8::7'],
  ['unknown', 'unknown'],
  [undefined, ''],
])('%s is a viewer at %s', (said, shown) => {
  expect(plainAddress(said)).toBe(shown);
});
