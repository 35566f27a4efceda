import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it arrived. */
export interface SeenSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly links: readonly string[];
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly resource: Readonly<Record<string, string | number | boolean>>;
}

interface KeyValue {
  readonly key: string;
  readonly value: {
    stringValue?: string;
    intValue?: number | string;
    doubleValue?: number;
    boolValue?: boolean;
  };
}

/** What an OpenTelemetry collector is to those who send it spans: `POST /v1/traces` with JSON (OTLP/HTTP 1.x). */
export class FakeCollector {
  readonly spans: SeenSpan[] = [];
  /** Everything as it came, to look for what must not be in it. */
  text = '';
  /** `authorization` of the last request. */
  authorization: string | undefined;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakeCollector> {
    const server = createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        collector.authorization = req.headers.authorization;
        if (req.url === '/v1/traces') collector.#take(Buffer.concat(chunks).toString());
        res.writeHead(req.url === '/v1/traces' ? 200 : 404, { 'content-type': 'application/json' });
        res.end('{}');
      });
    });
    const collector = new FakeCollector(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  named(name: string): SeenSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(text: string): void {
    this.text += text;
    // biome-ignore lint/suspicious/noExplicitAny: the shape of OTLP is not ours
    for (const { resource, scopeSpans } of (JSON.parse(text) as any).resourceSpans) {
      for (const { spans } of scopeSpans) {
        for (const span of spans) {
          this.spans.push({
            ...{ name: span.name, kind: span.kind, traceId: span.traceId, spanId: span.spanId },
            parentSpanId: span.parentSpanId ?? '',
            links: (span.links ?? []).map(({ spanId }: { spanId: string }) => spanId),
            isError: span.status?.code === 2,
            attributes: valuesOf(span.attributes),
            resource: valuesOf(resource.attributes),
          });
        }
      }
    }
  }
}

function valuesOf(attributes: readonly KeyValue[] = []): Record<string, string | number | boolean> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? Number(value.intValue ?? value.doubleValue),
    ]),
  );
}
