// The settings of a connection to an endpoint, and the callbacks for its events.

import type { Diagnosis } from '../../diagnosis/diagnosis.ts';
import type { ConnectionError, StreamError } from '../../h2/errors.ts';
import type { LocalSettings } from '../../h2/settings.ts';
import type { Dialer } from '../dial.ts';
import type { KeepalivePace } from './keepalive.ts';

/**
 * connecting: dialled, SETTINGS still to come. ready: accepts streams. draining: keeps its streams and accepts no new ones (after
 * GOAWAY, or when identifiers are used up). closed: the socket is closed.
 */
export type UpstreamConnectionState = 'connecting' | 'ready' | 'draining' | 'closed';

/** The events of connections of the class `Connection`. */
export interface ConnectionEvents<Connection> {
  /** Whether an earlier connection to the endpoint was ready. */
  readonly hasWorked?: boolean;
  onReady(connection: Connection): void;
  /** The connection never became ready. */
  onFailed(connection: Connection, diagnosis: Diagnosis): void;
  /** The connection accepts no more streams, or is closed. */
  onRetired(connection: Connection, reason: string): void;
  /** The socket of a draining connection is closed. */
  onGone(connection: Connection, reason: string): void;
  /** A stream ended, or the peer raised its limit: there may be room for a waiting call. */
  onCapacity(connection: Connection): void;
  /** The endpoint owes an answer, and the connection gets no calls until it comes. */
  onDoubt(connection: Connection): void;
  /** Bytes have arrived after the connection had owed an answer for so long that it got no calls. */
  onAnswered(connection: Connection): void;
  /** The endpoint finds that our PINGs come too often. */
  onTooManyPings(connection: Connection): void;
  onViolation(connection: Connection, error: ConnectionError | StreamError): void;
  /**
   * The endpoint rejected so many calls of this client that no more are sent to it for now.
   * @param client the client's address as it is counted
   */
  onClientAtFault(connection: Connection, client: string): void;
}

/** How a connection is made and kept. */
export interface ConnectionTerms {
  readonly settings: LocalSettings;
  readonly connectTimeoutMs: number;
  /** Makes the connection; by default over TCP in plaintext. */
  readonly dialer?: Dialer | undefined;
  /** Undefined means that silence is not noticed. */
  readonly pace?: KeepalivePace | undefined;
}
