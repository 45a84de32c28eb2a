// An attempt that holds a place at an endpoint, as its upstream sees it while places are scarce: which client it belongs to,
// whether it uses its place, and how it is ended to make room for others.

import type { Failure } from '../calls/failure.ts';
import type { Holding } from './holding.ts';

export interface PlaceUser {
  /** The holding that counts this place. The endpoint replaces it when its places are counted elsewhere. */
  holding: Holding;
  /** When the request was sent, in whole milliseconds of performance.now(). 0 until then. */
  readonly sentAtMs: number;
  /** The path of the call. */
  readonly method: string;
  /** The bytes of content in both directions. */
  readonly movedBytes: number;
  /**
   * True when the attempt has its own connection and it is the client's turn: to send what it has announced, or to take what is
   * there for it. Always false on a shared connection.
   */
  readonly isWaitingForClient: boolean;
  /** Ends the call with this failure, so that its place becomes free. */
  giveWay(failure: Failure): void;
}
