// A collector of traces: takes spans by OTLP over HTTP or gRPC, keeps them, and misbehaves as a test asks for.

import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import {
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  status,
} from '../../src/demo/grpc.ts';
import { eventually } from './eventually.ts';
import { type ReadSpan, readSpans } from './otlp-reader.ts';

/** @returns whether it has answered; if not, the collector answers as a good one does */
export type Misbehave = (response: ServerResponse, spans: readonly ReadSpan[]) => boolean;

export class Collector {
  /** What `trace.exporter` has to say. */
  exporter = '';
  readonly spans: ReadSpan[] = [];
  /** How many requests have come, whatever became of them. */
  requests = 0;
  /** The headers, or the metadata, of the last request. */
  headers: Readonly<Record<string, unknown>> | IncomingHttpHeaders = {};

  /** The spans of one trace, once there are as many. */
  async trace(traceId: string, count: number): Promise<readonly ReadSpan[]> {
    return eventually(`${count} spans of ${traceId}, of ${this.spans.length}`, () => {
      const found = this.spans.filter((span) => span.traceId === traceId);
      return found.length >= count && found;
    });
  }

  /** All spans, once there are as many. */
  async want(count: number): Promise<readonly ReadSpan[]> {
    return eventually(`${count} spans`, () => this.spans.length >= count && this.spans);
  }
}

/** What ends it, after a test or never. */
type Owner = Pick<TestContext, 'after'>;

export async function startHttpCollector(
  test: Owner,
  misbehave: Misbehave = () => false,
  port = 0,
): Promise<Collector & { readonly close: () => void }> {
  const collector = new Collector();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined);
    request.on('end', () => {
      collector.requests++;
      collector.headers = request.headers;
      assert.equal(`${request.method} ${request.url}`, 'POST /v1/traces');
      assert.equal(request.headers['content-type'], 'application/x-protobuf');
      const spans = readSpans(Buffer.concat(chunks));
      if (misbehave(response, spans)) return;
      collector.spans.push(...spans);
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  collector.exporter = `http://127.0.0.1:${address.port}`;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  test.after(close);
  return Object.assign(collector, { close });
}

export async function startGrpcCollector(
  test: Owner,
  code: status = status.OK,
  wantedPort = 0,
): Promise<Collector> {
  const collector = new Collector();
  const server = new Server();
  const exportSpans: handleUnaryCall<Buffer, Buffer> = (call, reply) => {
    collector.requests++;
    collector.headers = mapOf(call.metadata);
    if (code !== status.OK) {
      reply({ code, details: 'not now' });
      return;
    }
    collector.spans.push(...readSpans(call.request));
    reply(null, Buffer.alloc(0));
  };
  server.addService(
    {
      export: {
        path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        requestStream: false,
        responseStream: false,
        requestSerialize: whole,
        requestDeserialize: whole,
        responseSerialize: whole,
        responseDeserialize: whole,
      },
    },
    { export: exportSpans },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${wantedPort}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  test.after(() => server.forceShutdown());
  collector.exporter = `grpc://127.0.0.1:${port}`;
  return collector;
}

function whole(bytes: Buffer): Buffer {
  return bytes;
}

function mapOf(metadata: Metadata): Readonly<Record<string, unknown>> {
  return metadata.getMap();
}
