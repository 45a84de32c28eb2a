// One address of an HTTP/1.1 upstream: its connections, the requests that run on them, and when it may be tried again.

import type { Address } from '../../config/config.ts';
import type { Diagnosis } from '../../diagnosis/diagnosis.ts';
import { Containment } from '../../transport/containment.ts';
import { Backoff } from '../backoff.ts';
import type { UpstreamTls } from '../upstream-tls.ts';
import { EndpointAgent } from './endpoint-agent.ts';
import type { ResponseLimits } from './http1-response.ts';
import { diagnoseConnect } from './upstream-failure.ts';

export interface Http1EndpointEvents {
  /** The first time, and after failures. */
  onConnected(endpoint: Http1Endpoint): void;
  onConnectFailed(endpoint: Http1Endpoint, diagnosis: Diagnosis): void;
  /** A fault of ours, in a listener on a request to an endpoint or on its response. The connection is closed. */
  onFault(error: unknown): void;
}

export interface Http1UpstreamEvents extends Http1EndpointEvents {
  /** A request of this client's, which holds the most, was idle while others waited. @param client its counted address */
  onGaveWay(client: string): void;
}

export interface Http1EndpointOptions {
  readonly address: Address;
  readonly tls: UpstreamTls | undefined;
  readonly connectTimeoutMs: number;
  readonly maxConnections: number;
  /** Of its responses. */
  readonly limits: ResponseLimits;
}

export interface Http1ConnectionCounts {
  readonly busy: number;
  readonly idle: number;
}

export class Http1Endpoint {
  readonly address: Address;
  readonly isTls: boolean;
  readonly connectTimeoutMs: number;
  readonly limits: ResponseLimits;
  /** Of listeners on requests to it, on their responses and sockets. */
  readonly containment: Containment;
  readonly agent: EndpointAgent;
  /** Each has a connection, or makes one. */
  runningCount = 0;
  readonly maxConnections: number;
  readonly #backoff = new Backoff();
  #isKnownGood = false;
  #isFailing = false;

  constructor(options: Http1EndpointOptions, events: Http1EndpointEvents) {
    this.address = options.address;
    this.isTls = options.tls !== undefined;
    this.connectTimeoutMs = options.connectTimeoutMs;
    this.maxConnections = options.maxConnections;
    this.limits = options.limits;
    this.containment = new Containment('http1_service', (_layer, error) => events.onFault(error));
    this.agent = new EndpointAgent(options, this.containment, {
      onConnected: () => {
        this.#backoff.succeed();
        this.#isFailing = false;
        if (!this.#isKnownGood) events.onConnected(this);
        this.#isKnownGood = true;
      },
      onConnectFailed: ({ code }) => {
        this.#backoff.fail(performance.now());
        this.#isFailing = true;
        this.#isKnownGood = false;
        events.onConnectFailed(this, diagnoseConnect(code, this));
      },
    });
  }

  get hasRoom(): boolean {
    return this.runningCount < this.maxConnections;
  }

  get connectionCounts(): Http1ConnectionCounts {
    return { busy: countSockets(this.agent.sockets), idle: countSockets(this.agent.freeSockets) };
  }

  /** It could not be reached a short while ago; to be tried only where nothing better is left. */
  get isAvoided(): boolean {
    return this.#isFailing && this.#backoff.remainingMs(performance.now()) > 0;
  }
}

function countSockets(sockets: NodeJS.ReadOnlyDict<readonly unknown[]>): number {
  return Object.values(sockets).reduce((count, list) => count + (list?.length ?? 0), 0);
}
