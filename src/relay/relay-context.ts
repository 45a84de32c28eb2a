// What all exchanges of a process share, and what each needs of the connection it came in by.

import type { Observers } from '../calls/observers.ts';
import type { RequestIds } from '../calls/request-id.ts';
import type { ConnectionError, StreamError } from '../h2/errors.ts';
import type { DeadlineWheel } from '../transport/deadline-wheel.ts';
import type { ClientAccount } from '../upstreams/client-account.ts';
import type { ClientAccounts } from '../upstreams/client-accounts.ts';
import type { CallFields } from './call-fields.ts';
import type { ClientTerms } from './client-terms.ts';
import type { ReplayBuffer } from './replay-buffer.ts';
import type { RequestHead } from './request-head.ts';
import type { Snapshot } from './snapshot.ts';

export interface RelayContext {
  /** The configuration new exchanges begin with. */
  readonly snapshot: Snapshot;
  readonly observers: Observers;
  readonly deadlines: DeadlineWheel;
  readonly requestIds: RequestIds;
  readonly callFields: CallFields;
  readonly replayBuffer: ReplayBuffer;
  readonly terms: Readonly<ClientTerms>;
  readonly accounts: ClientAccounts;
  /** How many heads of requests were decided so far: one that is remembered is not decided again. */
  decisions: number;
  /** A client broke a rule of HTTP/2. */
  onViolation(client: string, error: ConnectionError | StreamError): void;
  /** A fault of ours within one call. The call ends, and nothing else does. */
  onFault(error: unknown): void;
}

export interface ExchangeHome {
  /** What the client accepts of header fields or trailers, in bytes as HeaderList.sizeBytes counts them. */
  readonly mostHeaderListBytes: number;
  /** A service has begun to answer. */
  responseBegan(): void;
  /** Of the client whose call it is: another than the connection's where that of a trusted peer brings calls of many. */
  accountFor(head: RequestHead): ClientAccount;
  exchangeFinished(): void;
}
