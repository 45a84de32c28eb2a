// What all exchanges of a process share (RelayContext), and what an exchange needs from its client's connection (ExchangeHome).

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
import type { TokenLines } from './token-lines.ts';

export interface RelayContext {
  /** The configuration of new exchanges. */
  readonly snapshot: Snapshot;
  readonly observers: Observers;
  readonly deadlines: DeadlineWheel;
  /** Calls that wait for tokens of a limit. */
  readonly tokenLines: TokenLines;
  readonly requestIds: RequestIds;
  readonly callFields: CallFields;
  readonly replayBuffer: ReplayBuffer;
  readonly terms: Readonly<ClientTerms>;
  readonly accounts: ClientAccounts;
  /** How many request heads were decided so far. Remembered decisions do not count again. */
  decisions: number;
  /** A connection of HTTP/2 makes its first request. Must not throw. */
  readonly onFirstRequest?: ((userAgent: string | undefined) => void) | undefined;
  /** A client broke a rule of HTTP/2. */
  onViolation(client: string, error: ConnectionError | StreamError): void;
  /** An internal error within one call. Only that call ends. */
  onFault(error: unknown): void;
}

export interface ExchangeHome {
  /** The largest header or trailer section that the client accepts, in bytes as HeaderList.sizeBytes counts them. */
  readonly mostHeaderListBytes: number;
  /** True if the connection speaks HTTP/1.1. */
  readonly isHttp1?: boolean | undefined;
  /** A service has begun to respond to a request of this connection. */
  responseBegan(): void;
  /** @returns the account of the call's client. On the connection of a trusted peer, each call can have another client. */
  accountFor(head: RequestHead): ClientAccount;
  exchangeFinished(): void;
}
