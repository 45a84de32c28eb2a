// An attempt that holds a place of an endpoint, as its upstream sees it while places are scarce: whose it is, whether it is of
// use, and how it ends where it has to give way to others.

import type { Failure } from '../calls/failure.ts';
import type { Holding } from './holding.ts';

export interface PlaceUser {
  /** Set by the endpoint, where its places are counted elsewhere from now on. */
  holding: Holding;
  /** Bytes of content, both ways. */
  readonly movedBytes: number;
  /**
   * It has a connection for itself, and it is the client's turn: to send what it has announced, or to take what is there for it.
   * False where others share the connection.
   */
  readonly isWaitingForClient: boolean;
  /** Others wait for its place, and it makes no use of it: the call ends with this failure. */
  giveWay(failure: Failure): void;
}
