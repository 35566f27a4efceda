import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endsWithParent, freePort, waitFor } from '@streampool/testkit';

const DEPLOY = fileURLToPath(new URL('../../../../deploy/', import.meta.url));

/** Where the balancer finds the nodes: `host:port`, two of each. */
export interface Behind {
  readonly gateways: readonly [string, string];
  readonly workers: readonly [string, string];
}

/** A load balancer of `deploy/`, as a process of its own that listens on ports of the system's choice. */
export interface Balancer {
  /** What players and clients of the API use. */
  readonly url: string;
  /** What leads players to workers. */
  readonly workersUrl: string;
  close(): Promise<void>;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Starts it and resolves when it listens. @throws Error naming what is to be installed, or what it says of its configuration */
async function start(
  command: (directory: string, ports: { players: number; workers: number }) => Command,
): Promise<Balancer> {
  const directory = mkdtempSync(join(tmpdir(), 'streampool-balancer-'));
  const ports = { players: await freePort(), workers: await freePort() };
  const { program, args, env } = command(directory, ports);
  const [first, ...rest] = endsWithParent([program, ...args]);
  const child = spawn(first, rest, {
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-8_000);
    });
  }
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  }).then(() => {
    ended = true;
  });
  const close = async (): Promise<void> => {
    if (!ended) child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(timer);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await waitFor(async () => {
      if (ended) throw new Error(whyItEnded(program, child, said));
      return (await accepts(ports.players)) && (await accepts(ports.workers));
    });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${ports.players}`,
    workersUrl: `http://127.0.0.1:${ports.workers}`,
    close,
  };
}

function whyItEnded(program: string, { exitCode }: ChildProcess, said: string): string {
  const isMissing = exitCode === null || exitCode === 127;
  return isMissing
    ? `${program} is not installed: apt-get install ${program}\n${said}`
    : `${program} ended with code ${exitCode}:\n${said}`;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  const connected = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return connected;
}

/** nginx with `deploy/nginx/*.conf`: addresses are put in, nothing else is changed. */
export function startNginx({ gateways, workers }: Behind): Promise<Balancer> {
  return start((directory, ports) => {
    const install = (file: string, addresses: Readonly<Record<string, string>>): string => {
      let text = readFileSync(join(DEPLOY, 'nginx', file), 'utf8');
      for (const [shipped, own] of Object.entries(addresses)) {
        if (text.split(shipped).length !== 2) throw new Error(`${file} should have ${shipped} once`);
        text = text.replace(shipped, own);
      }
      writeFileSync(join(directory, file), text);
      return `include ${join(directory, file)};`;
    };
    const includes = [
      install('streampool.conf', {
        '127.0.0.1:8086': gateways[0],
        '127.0.0.1:8087': gateways[1],
        'listen 8080': `listen 127.0.0.1:${ports.players}`,
      }),
      install('streampool-workers.conf', {
        '127.0.0.1:8091': workers[0],
        '127.0.0.1:8092': workers[1],
        'listen 8081': `listen 127.0.0.1:${ports.workers}`,
      }),
    ];
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    writeFileSync(
      join(directory, 'nginx.conf'),
      `daemon off; worker_processes 2; pid ${directory}/nginx.pid; error_log stderr warn;
       ${process.getuid?.() === 0 ? 'user root;' : ''}
       worker_rlimit_nofile 4096;
       events { worker_connections 1000; }
       http {
         access_log ${directory}/access.log;
         ${temporary.map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
         ${includes.join('\n')}
       }`,
    );
    const args = ['-c', join(directory, 'nginx.conf'), '-p', directory, '-e', 'stderr'];
    return { program: 'nginx', args, env: {} };
  });
}

/** HAProxy with `deploy/haproxy/*.cfg` as they are: addresses come from its environment. */
export function startHaproxy({ gateways, workers }: Behind): Promise<Balancer> {
  return start((directory, ports) => ({
    program: 'haproxy',
    args: ['-db', ...['haproxy.cfg', 'workers.cfg'].flatMap((file) => ['-f', join(DEPLOY, 'haproxy', file)])],
    env: {
      LISTEN: `127.0.0.1:${ports.players}`,
      LISTEN_WORKERS: `127.0.0.1:${ports.workers}`,
      GATEWAY_1: gateways[0],
      GATEWAY_2: gateways[1],
      MAX_VIEWERS: '1000',
      WORKER_1: workers[0],
      WORKER_2: workers[1],
      STATS: join(directory, 'stats.sock'),
      ADMIN: join(directory, 'admin.sock'),
    },
  }));
}
