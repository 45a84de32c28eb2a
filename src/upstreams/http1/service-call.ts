// A call as its attempt at an HTTP/1.1 service gets it from the relay.

import type { HeaderList } from '../../h2/hpack/header-list.ts';

export interface ServiceCall {
  /** As HTTP/2 has them, pseudo-header fields first; the same list for requests that are alike. */
  readonly fields: HeaderList;
  /** The fields that differ from call to call, names and values by turns. Asked for when the request is sent. */
  readonly callFields: () => readonly string[];
  /** There is no body. */
  readonly endStream: boolean;
  /** The client's address as it is counted, or ''. */
  readonly client: string;
  /** There is a connection, and the attempt takes the body from now on. Not called where there is none. */
  readonly onOpen: () => void;
}
