import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endsWithParent, freePort, waitFor } from '@streampool/testkit';
import { shipped, shippedIn } from './shipped.ts';

export interface Alert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
}

/** A real Prometheus with the shipped rules and scrape configuration, in a directory of its own. */
export class PrometheusServer {
  readonly #directory = mkdtempSync(join(tmpdir(), 'streampool-prometheus-'));
  readonly #port: number;
  #process: ChildProcess | undefined;
  #said = '';

  private constructor(port: number) {
    this.#port = port;
  }

  /**
   * Reads `deploy/prometheus/prometheus-sd.yml`, but asks `gateways` who is there, with `token`, and everything happens
   * in seconds that takes minutes elsewhere. Resolves when it is ready.
   */
  static async start(options: { gateways: readonly string[]; token: string }): Promise<PrometheusServer> {
    const server = new PrometheusServer(await freePort());
    server.#configure(options);
    await server.#start();
    return server;
  }

  /** The data of an answer of its API. @throws Error with what it said */
  async api<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
    const response = await fetch(
      `http://127.0.0.1:${this.#port}/api/v1/${path}?${new URLSearchParams(query)}`,
    );
    const answer = (await response.json()) as { status: string; data: T; error?: string };
    if (answer.status !== 'success') throw new Error(`${path} ${JSON.stringify(query)}: ${answer.error}`);
    return answer.data;
  }

  /** What an instant query answers, one number per series. */
  async query(expr: string): Promise<number[]> {
    const { result } = await this.api<{ result: { value: [number, string] }[] }>('query', { query: expr });
    return result.map(({ value }) => Number(value[1]));
  }

  async alerts(): Promise<readonly Alert[]> {
    return (await this.api<{ alerts: Alert[] }>('alerts')).alerts;
  }

  /** Names of those that fire. */
  async firing(): Promise<string[]> {
    const alerts = (await this.alerts()).filter(({ state }) => state === 'firing');
    return [...new Set(alerts.map(({ labels }) => labels.alertname ?? ''))].sort();
  }

  logs(): string {
    return this.#said;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const process = this.#process;
    if (process && process.exitCode === null && process.signalCode === null) {
      process.kill('SIGTERM');
      const timer = setTimeout(() => process.kill('SIGKILL'), 5_000);
      await once(process, 'exit');
      clearTimeout(timer);
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #configure({ gateways, token }: { gateways: readonly string[]; token: string }): void {
    const tokenFile = join(this.#directory, 'token');
    writeFileSync(tokenFile, token);
    const nodes = [...gateways];
    const config = shipped('deploy/prometheus/prometheus-sd.yml')
      .replaceAll(/\b15s\b/g, '1s')
      .replaceAll('/run/secrets/api_token', tokenFile)
      .replaceAll(/http:\/\/gateway-\d:8085/g, () => nodes.shift() ?? gateways[0]!);
    writeFileSync(join(this.#directory, 'prometheus.yml'), config);
    mkdirSync(join(this.#directory, 'rules'));
    for (const path of shippedIn('deploy/prometheus/rules', '.yml')) {
      const rules = shipped(path)
        .replaceAll(/\[\d+m\]/g, '[8s]')
        .replaceAll(/for: \d+[sm]/g, 'for: 2s');
      writeFileSync(join(this.#directory, 'rules', path.split('/').at(-1)!), rules);
    }
  }

  async #start(): Promise<void> {
    const [program, ...args] = endsWithParent([
      'prometheus',
      `--config.file=${join(this.#directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(this.#directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${this.#port}`,
      '--log.level=warn',
    ]);
    const child = spawn(program, args, { cwd: this.#directory, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk).slice(-10_000);
    });
    const isReady = async (): Promise<boolean> => {
      if (child.exitCode !== null) throw new Error(`prometheus has ended: ${this.#said}`);
      const answer = await fetch(`http://127.0.0.1:${this.#port}/-/ready`).catch(() => undefined);
      return answer?.ok === true;
    };
    await waitFor(isReady, {
      timeoutMs: 20_000,
      everyMs: 50,
      what: () => `Prometheus being ready: ${this.#said}`,
    });
  }
}
