// What a connection tells the layer above, beside what it tells the owners of its streams.

import type { ConnectionError, StreamError } from './errors.ts';
import type { HeaderList } from './hpack/header-list.ts';
import type { Stream } from './stream.ts';

/** Told of what concerns the connection as a whole. */
export interface ConnectionHandler {
  /** A request on a new stream, whose owner is to be set during the call. Server role only. */
  onRequest(stream: Stream, list: HeaderList, endStream: boolean): void;
  /** The peer's SETTINGS were applied; `isFirst` for those of the connection's beginning. */
  onSettings(isFirst: boolean): void;
  /** The peer processes no stream above `lastStreamId` and wants no new ones. */
  onGoAway(lastStreamId: number, code: number, debug: string): void;
  onPingAcknowledged(): void;
  /** The peer has read everything up to the oldest Connection.askToCatchUp that it had not answered yet. */
  onCaughtUp(): void;
  /** The peer has taken output after isCongested was seen to be true. */
  onOutputDrained(): void;
  /** A rule was broken and acted on; for log and metrics. */
  onViolation(error: ConnectionError | StreamError): void;
}
