import { loadConfig } from '../src/config/load.ts';
import { SETTINGS } from '../src/config/settings.ts';

function read(PROVIDERS: string) {
  return loadConfig({ env: { PROVIDERS }, directory: '/nonexistent' }).config.providers;
}

test('limits of providers on one line', () => {
  const line = 'acme=2@TV.example.org, *.cdn.example.org ;other=5+preempt+1.5s@[::1]:8080;';
  expect(read(line)).toEqual([
    {
      ...{ id: 'acme', hosts: ['tv.example.org', '*.cdn.example.org'], maxConnections: 2, preempt: false },
      origin: 'settings',
    },
    {
      ...{ id: 'other', hosts: ['[::1]:8080'], maxConnections: 5, preempt: true, settleMs: 1_500 },
      origin: 'settings',
    },
  ]);
  const shown = SETTINGS.providers.type.show(read(line));
  expect(shown).toBe('acme=2@tv.example.org,*.cdn.example.org; other=5+preempt+1.5s@[::1]:8080');
  expect(read(shown)).toEqual(read(line));
  expect(read('')).toEqual([]);
});

test.each([
  'acme',
  'acme=2',
  'acme=two@h',
  'acme=2@',
  'acme=2@http://h/',
  'a b=2@h',
  'acme=2@h;acme=3@i',
  'acme=2@h,',
])('what cannot be meant stops the start: %s', (line) => {
  expect(() => read(line)).toThrow(/PROVIDERS cannot be .* it must be entries .* such as acme=2@/);
});
