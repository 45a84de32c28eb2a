// A relay in this process with the HTTP/1.1 edge in front of it on a port, and with its records at hand.

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { ExchangeRecord } from '../../src/calls/exchange-record.ts';
import { failure } from '../../src/calls/failure.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { Http1Edge } from '../../src/edges/http1-edge.ts';
import type { Http1Peer } from '../../src/edges/http1-edge-context.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';
import { EventMetrics } from '../../src/observability/event-metrics.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { buildSnapshot } from '../../src/plane/build-snapshot.ts';
import { ProcessLog } from '../../src/plane/process-log.ts';
import { Relay } from '../../src/relay/relay.ts';
import { Containment } from '../../src/transport/containment.ts';
import { eventually } from './eventually.ts';
import { NO_IDENTITIES } from './no-identities.ts';
import { proxyConfigText } from './proxy-under-test.ts';

export class WebRelay {
  readonly relay: Relay;
  readonly edge: Http1Edge;
  readonly records: readonly ExchangeRecord[];
  readonly #server: Server;

  constructor(relay: Relay, records: readonly ExchangeRecord[]) {
    this.relay = relay;
    this.records = records;
    const containment = new Containment('http1_client', (_layer, error) => {
      throw error;
    });
    this.edge = new Http1Edge({ relay, containment, onRefused() {} });
    const peers = new WeakMap<Socket, Http1Peer>();
    this.#server = createServer((request, response) => {
      const { socket } = request;
      const peer = peers.get(socket) ?? peerOf(socket);
      peers.set(socket, peer);
      this.edge.handleRequest(request, response, peer);
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
  }

  get port(): number {
    const bound = this.#server.address();
    assert.ok(bound !== null && typeof bound === 'object');
    return bound.port;
  }

  /** Resolves to the first record, once there is one. */
  record(): Promise<ExchangeRecord> {
    return eventually('a record', () => this.records.at(0));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    const cause = failure('draining', 'The test is over.');
    this.relay.abort(cause);
    this.edge.abort(cause);
    for (const upstream of this.relay.snapshot.upstreams.values()) {
      if (upstream.protocol !== 'http1') upstream.destroy('the test is over');
    }
  }
}

/** Starts a relay that sends everything to `endpoint` by one route with gRPC-Web. */
export async function startWebRelay(test: TestContext, endpoint: string): Promise<WebRelay> {
  const routes = [{ name: 'web', match: { path: '/*' }, upstream: 'voice', grpcWeb: true }];
  const text = await proxyConfigText({ endpoints: [endpoint], sections: { routes } });
  const loaded = parseConfig(text, 'test.yaml');
  assert.ok('config' in loaded);
  const logger = createLogger({ level: 'silent', syslogPrefix: false }, new LogDestination({ fd: 2 }));
  const log = new ProcessLog(
    logger,
    new DiagnosisRing(),
    new EventMetrics({ refusals: [], failures: [], faultLayers: [] }),
  );
  const records: ExchangeRecord[] = [];
  const snapshot = buildSnapshot(loaded.config, {
    log,
    identities: NO_IDENTITIES,
    quotas: new Quotas(() => 0),
  });
  for (const { name, endpoints } of loaded.config.upstreams) snapshot.upstreams.get(name)?.use(endpoints);
  const relay = new Relay(
    snapshot,
    [{ onFinish: (record) => records.push(record) }],
    new RequestIds(),
    (client, error) => log.violation(client, error),
    (error) => log.contained('relay', error),
  );
  const web = new WebRelay(relay, records);
  test.after(() => web.close());
  await web.listen();
  return web;
}

function peerOf({ remotePort }: Socket): Http1Peer {
  const clientAddress = '127.0.0.1';
  return {
    listener: 'clear',
    client: `${clientAddress}:${remotePort}`,
    clientAddress,
    tls: '',
    trusted: false,
    alpn: '',
    mismatchPolicy: 'explain',
  };
}
