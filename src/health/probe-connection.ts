// An HTTP/2 connection for probes and load reports, from dialling to its end. It has few streams, and none of a client.

import type { Address } from '../config/address.ts';
import type { FloodLimitsConfig } from '../config/config.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { classifyUpstreamFirstBytes, diagnoseUpstreamAnswer } from '../diagnosis/upstream-first-bytes.ts';
import { errorCodeName } from '../h2/error-codes.ts';
import type { ConnectionError, StreamError } from '../h2/errors.ts';
import type { LocalSettings } from '../h2/settings.ts';
import type { Stream, StreamOwner } from '../h2/stream.ts';
import { Http2Transport } from '../transport/http2-transport.ts';
import type { DialEvents, Dialer } from '../upstreams/dial.ts';
import { plain, predicateOf } from './predicate.ts';

const NOTHING: Buffer = Buffer.alloc(0);
/** The owner of the connection has a shorter time limit of its own. */
const LONGEST_MS = 600_000;

export interface ProbeConnectionEvents {
  /** The endpoint speaks HTTP/2, and streams may be opened. */
  onReady(): void;
  /** The endpoint has read all that was sent before ask(). */
  onCaughtUp(): void;
  /** Called once, unless the connection was closed by us: it takes no new streams, or is gone. @param predicate of the endpoint */
  onEnded(predicate: string): void;
}

export class ProbeConnection implements DialEvents {
  readonly #address: Address;
  readonly #events: ProbeConnectionEvents;
  readonly #transport: Http2Transport;
  #step: 'connecting' | 'connected' | 'ready' | 'ended' = 'connecting';
  #isHttp2 = false;
  #head: Buffer = NOTHING;
  #violation = '';

  constructor(address: Address, dialer: Dialer, floods: FloodLimitsConfig, events: ProbeConnectionEvents) {
    this.#address = address;
    this.#events = events;
    this.#transport = new Http2Transport(
      dialer.dial(address, this),
      'client',
      settingsOf(floods),
      {
        onRequest() {},
        onSettings: () => this.#settingsReceived(),
        onGoAway: (_lastStreamId, code, debug) =>
          this.#end(
            `is going away (GOAWAY ${errorCodeName(code)}${debug === '' ? '' : `: ${plain(debug)}`})`,
          ),
        onPingAcknowledged() {},
        onCaughtUp: () => this.#events.onCaughtUp(),
        onOutputDrained() {},
        onViolation: (error: ConnectionError | StreamError) => {
          this.#violation = `broke a rule of HTTP/2: ${error.message}`;
        },
      },
      {
        onClosed: (reason) =>
          this.#end(this.#violation === '' ? `broke the connection off: ${reason}` : this.#violation),
      },
    );
  }

  /** What is waited for, as far as the connection itself is concerned. Undefined when it is ready. */
  get waitsFor(): string | undefined {
    if (this.#step === 'ready') return undefined;
    return this.#step === 'connecting' ? 'the connection' : 'its HTTP/2 SETTINGS';
  }

  /** Whether it takes no new streams, or is gone. */
  get isEnded(): boolean {
    return this.#step === 'ended';
  }

  get hasRoom(): boolean {
    const { connection } = this.#transport;
    return !connection.isClosed && connection.peerMaxConcurrentStreams > connection.streamOwners().length;
  }

  openStream(owner: StreamOwner): Stream {
    return this.#transport.connection.openStream(owner);
  }

  /**
   * Asks for a sign of life. Not by PING: gRPC servers count the PINGs of a client that sends no data, and close its connection after
   * a few (grpcio: two within five minutes).
   */
  ask(): void {
    this.#transport.connection.askToCatchUp();
  }

  /** May be called twice. */
  close(): void {
    this.#step = 'ended';
    this.#transport.close();
  }

  /** Ends the connection at once, without waiting for the endpoint. */
  destroy(): void {
    this.#step = 'ended';
    this.#transport.destroy('the endpoint was given up');
  }

  onConnected(): void {
    if (this.#step === 'connecting') this.#step = 'connected';
  }

  onBytes(chunk: Buffer): void {
    try {
      if (this.#isHttp2) this.#transport.receive(chunk);
      else this.#receiveFirst(chunk);
    } catch (fault) {
      this.#transport.fail(fault);
    }
  }

  #receiveFirst(chunk: Buffer): void {
    const head = Buffer.concat([this.#head, chunk]);
    const kind = classifyUpstreamFirstBytes(head);
    if (kind === 'need-more') {
      this.#head = head;
      return;
    }
    this.#head = NOTHING;
    this.#isHttp2 = kind === 'http2-settings';
    if (this.#isHttp2) this.#transport.receive(head);
    else this.onFailed(diagnoseUpstreamAnswer(kind, this.#address.text));
  }

  onFailed(diagnosis: Diagnosis): void {
    this.#end(predicateOf(this.#address, diagnosis));
  }

  #settingsReceived(): void {
    if (this.#step === 'ended' || this.#step === 'ready') return;
    this.#step = 'ready';
    this.#events.onReady();
  }

  #end(predicate: string): void {
    if (this.#step === 'ended') return;
    this.#step = 'ended';
    this.#transport.close();
    this.#events.onEnded(predicate);
  }
}

function settingsOf(floods: FloodLimitsConfig): LocalSettings {
  return {
    maxConcurrentStreams: 1,
    initialWindowBytes: 65_535,
    connectionWindowBytes: 65_535,
    maxHeaderListBytes: 16_384,
    maxHeaderFields: 100,
    floods,
    headerTimeoutMs: LONGEST_MS,
    settingsTimeoutMs: LONGEST_MS,
    stallTimeoutMs: undefined,
  };
}
