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

  /**
   * `proxyBuffer`: the size of the one buffer that bodies pass through; nginx's own default is 4k or 8k. `cache`: what
   * several ask for is fetched once (proxy_cache, proxy_cache_lock): playlists for a second, other things for a minute.
   */
  static async start(originPort: number, { proxyBuffer = '64k', cache = false } = {}): Promise<Nginx> {
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
         ${cache ? `proxy_cache_path ${directory}/cache keys_zone=hls:10m inactive=60s max_size=512m use_temp_path=off;` : ''}
         upstream origin { server 127.0.0.1:${originPort}; keepalive 8; }
         server {
           listen 127.0.0.1:${port} backlog=4096;
           ${cache ? cachedLocations() : ''}
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

/** As nginx is put in front of HLS: files by sendfile, one request at a time for what is not there. */
function cachedLocations(): string {
  const cached = `proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_cache hls; proxy_cache_lock on; proxy_cache_key $uri; sendfile on; tcp_nopush on; keepalive_requests 1000000;`;
  return `location ~ ^/hls/.*\\.m3u8$ { ${cached} proxy_cache_valid 200 1s; }
    location /hls/ { ${cached} proxy_cache_valid 200 1m; }`;
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
