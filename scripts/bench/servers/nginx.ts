import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, waitFor } from '@streampool/testkit';

/** nginx as a streaming proxy in front of one origin, with a configuration and a port of its own. */
export class Nginx {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(child: ChildProcess, port: number, directory: string) {
    this.#child = child;
    this.port = port;
    this.#directory = directory;
  }

  /** `proxyBuffer`: the size of the one buffer that bodies pass through; nginx's own default is 4k or 8k. */
  static async start(originPort: number, { proxyBuffer = '64k' } = {}): Promise<Nginx> {
    const port = await freePort();
    const directory = mkdtempSync(join(tmpdir(), 'bench-nginx-'));
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${directory}/${name};`)
      .join(' ');
    writeFileSync(
      join(directory, 'nginx.conf'),
      `daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/error.log warn;
       ${process.getuid?.() === 0 ? 'user root;' : ''}
       worker_rlimit_nofile 65536;
       events { worker_connections 32000; }
       http {
         access_log off; ${temporary}
         server {
           listen 127.0.0.1:${port} backlog=4096;
           location / {
             proxy_pass http://127.0.0.1:${originPort};
             proxy_http_version 1.1;
             proxy_set_header Connection "";
             proxy_buffering off;
             proxy_buffer_size ${proxyBuffer}; proxy_buffers 8 ${proxyBuffer}; proxy_busy_buffers_size ${proxyBuffer};
           }
         }
       }`,
    );
    const child = spawn(
      'nginx',
      ['-c', join(directory, 'nginx.conf'), '-p', directory, '-e', `${directory}/error.log`],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    const nginx = new Nginx(child, port, directory);
    await waitFor(() => child.exitCode !== null || reachable(port), { what: 'nginx listening' });
    if (child.exitCode !== null) throw new Error(`nginx ended with code ${child.exitCode}`);
    return nginx;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
