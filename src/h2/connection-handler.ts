// The events of a connection as a whole. Events of one stream go to the stream's owner instead.

import type { ConnectionError, StreamError } from './errors.ts';
import type { HeaderList } from './hpack/header-list.ts';
import type { Stream } from './stream.ts';

export interface ConnectionHandler {
  /** A request on a new stream. The handler must set the stream's owner during the call. Server role only. */
  onRequest(stream: Stream, list: HeaderList, endStream: boolean): void;
  /** The peer's SETTINGS were applied. `isFirst` is true for the first SETTINGS frame of the connection. */
  onSettings(isFirst: boolean): void;
  /** The peer will process no stream above `lastStreamId` and accepts no new streams. */
  onGoAway(lastStreamId: number, code: number, debug: string): void;
  onPingAcknowledged(): void;
  /** The peer has read everything that was sent before the oldest unanswered Connection.askToCatchUp. */
  onCaughtUp(): void;
  /** The peer has taken output after isCongested was read as true. */
  onOutputDrained(): void;
  /** The peer broke a rule, and the connection has already acted on the violation. This event is for the log and the metrics. */
  onViolation(error: ConnectionError | StreamError): void;
}
