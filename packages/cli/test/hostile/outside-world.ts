import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

// Loaded into the server under test before anything else: an internet of its own. Names under .test resolve as a hostile
// name server would have them, and OUTSIDE, an address of the real internet, leads to 127.0.0.1 below everything that
// judges addresses. Nothing else is changed: to the server it is a public address, and nothing leaves the machine.

const OUTSIDE = '93.184.216.34';

/** What a name resolves to, from look-up to look-up; the last answer stays. */
const NAMES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'outside.test': [[OUTSIDE]],
  'inside.test': [['127.0.0.1']],
  'inside6.test': [['::1']],
  'mapped.test': [['::ffff:127.0.0.1']],
  'compatible.test': [['::7f00:1']],
  'nat64.test': [['64:ff9b::7f00:1']],
  'sixtofour.test': [['2002:7f00:1::']],
  'teredo.test': [['2001:0:7f00:1::80ff:fffe']],
  'zone.test': [['fe80::1']],
  'any.test': [['0.0.0.0']],
  'metadata.test': [['169.254.169.254']],
  'metadata6.test': [['fd00:ec2::254']],
  'private.test': [['10.0.0.1'], ['192.168.0.1']],
  'none.test': [[]],
  'rebinding.test': [[OUTSIDE], ['127.0.0.1']],
  'swinging.test': [[OUTSIDE], ['127.0.0.1'], [OUTSIDE], ['127.0.0.1'], [OUTSIDE]],
};
const asked = new Map<string, number>();

type Done = (error: NodeJS.ErrnoException | null, address: unknown, family?: number) => void;
const real = dns.lookup;
const lookup = (hostname: string, options: { all?: boolean }, done: Done): void => {
  const name = hostname.toLowerCase().replace(/\.$/, '');
  const rounds = NAMES[name] ?? NAMES[name.replace(/^[^.]*-/, '')];
  if (!rounds) {
    (real as unknown as typeof lookup)(hostname, options, done);
    return;
  }
  const round = asked.get(name) ?? 0;
  asked.set(name, round + 1);
  const found = (rounds[Math.min(round, rounds.length - 1)] ?? []).map((address) => ({
    address,
    family: address.includes(':') ? 6 : 4,
  }));
  setImmediate(() => {
    if (found.length === 0) done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
    else if (options.all) done(null, found);
    else done(null, found[0]!.address, found[0]!.family);
  });
};
Object.assign(dns, { lookup });
syncBuiltinESMExports();

interface Tcp {
  connect(request: unknown, address: string, ...rest: unknown[]): number;
  getpeername(out: { address?: string }): number;
}
// The lowest place there is: what Node hands to the kernel. Threads of the server open no sockets, and have no bindings.
if (isMainThread) {
  const { TCP } = (process as unknown as { binding(name: string): { TCP: { prototype: Tcp } } }).binding(
    'tcp_wrap',
  );
  const { connect, getpeername } = TCP.prototype;
  const outside = new WeakSet<Tcp>();
  TCP.prototype.connect = function (this: Tcp, request, address, ...rest) {
    if (address !== OUTSIDE) return connect.call(this, request, address, ...rest);
    outside.add(this);
    return connect.call(this, request, '127.0.0.1', ...rest);
  };
  TCP.prototype.getpeername = function (this: Tcp, out) {
    const result = getpeername.call(this, out);
    if (outside.has(this)) out.address = OUTSIDE;
    return result;
  };
}
