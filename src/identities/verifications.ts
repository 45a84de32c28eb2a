// Who may have credentials verified, and when. A signature takes about 0.1 ms and a password more, so that a client that sends nothing
// but new bad ones could take the processor away from others. Clients take turns; each has a bounded number at a time; and a client whose
// credentials have failed too often has no more verified until its budget has grown again.

import { isKeyOfMany } from '../config/client-network.ts';
import { type Bound, ClientCounts } from './client-counts.ts';

const MOST_TICKETS = 4096;
const MOST_TICKETS_OF_CLIENT = 64;
/** Clients whose failures are remembered. The oldest are forgotten first. */
const MOST_CLIENTS = 10_000;

export interface VerificationTerms {
  /** How many run at a time. */
  readonly running: number;
  /** How many failures a client may have at once, and how many more each second. */
  readonly failures: number;
  readonly failuresPerSecond: number;
}

/** For what takes about 0.1 ms. */
export const OF_SIGNATURES: VerificationTerms = { running: 4, failures: 50, failuresPerSecond: 5 };
/** For what takes about 50 ms. Half of the threads are left for everything else. */
export const OF_PASSWORDS: VerificationTerms = { running: 2, failures: 10, failuresPerSecond: 1 };

/** Why a client may have nothing verified now: it has failed too often, or too much is being verified for it, or for all clients. */
export type Limit = 'failures' | Bound;

interface Failures {
  readonly left: number;
  readonly atMs: number;
}

export class Verifications {
  readonly #terms: VerificationTerms;
  readonly #now: () => number;
  /** The tickets that wait for their turn, by client, in the order of the clients' turns. */
  readonly #waiting = new Map<string, Set<Ticket>>();
  readonly #tickets = new ClientCounts(MOST_TICKETS_OF_CLIENT, MOST_TICKETS);
  readonly #failures = new Map<string, Failures>();
  #running = 0;
  #isStarting = false;

  /** @param now monotonic milliseconds */
  constructor(terms: VerificationTerms = OF_SIGNATURES, now: () => number = () => performance.now()) {
    this.#terms = terms;
    this.#now = now;
  }

  /** How many clients have failures that are remembered. */
  get clients(): number {
    return this.#failures.size;
  }

  /** How many tickets have not ended. */
  get tickets(): number {
    return this.#tickets.total;
  }

  /** @returns why the client may have nothing verified now, or a ticket that the caller must end */
  admit(client: string): Ticket | Limit {
    if (this.#leftOf(client) < 1) return 'failures';
    return this.#tickets.add(client) ?? new Ticket(this, client);
  }

  /** Called by the ticket. */
  enqueue(ticket: Ticket): void {
    const queue = this.#waiting.get(ticket.client);
    if (queue === undefined) this.#waiting.set(ticket.client, new Set([ticket]));
    else queue.add(ticket);
    this.#startWaiting();
  }

  /** Called by the ticket, once. */
  ended(ticket: Ticket, wasRunning: boolean, isBad: boolean): void {
    this.#tickets.remove(ticket.client);
    if (isBad) this.#noteFailure(ticket.client);
    if (wasRunning) this.#running--;
    else this.#withdraw(ticket);
    this.#startWaiting();
  }

  #withdraw(ticket: Ticket): void {
    const queue = this.#waiting.get(ticket.client);
    queue?.delete(ticket);
    if (queue?.size === 0) this.#waiting.delete(ticket.client);
  }

  #noteFailure(client: string): void {
    // One of many clients that cannot be told apart must not use up the budget of the others.
    if (isKeyOfMany(client)) return;
    const left = Math.max(0, this.#leftOf(client) - 1);
    this.#failures.delete(client);
    if (this.#failures.size >= MOST_CLIENTS) {
      const [oldest] = this.#failures.keys();
      this.#failures.delete(oldest);
    }
    this.#failures.set(client, { left, atMs: this.#now() });
  }

  #leftOf(client: string): number {
    const { failures, failuresPerSecond } = this.#terms;
    const known = this.#failures.get(client);
    if (known === undefined) return failures;
    const left = known.left + ((this.#now() - known.atMs) / 1000) * failuresPerSecond;
    if (left < failures) return left;
    this.#failures.delete(client);
    return failures;
  }

  /**
   * Starts tickets while there are places. A ticket that ends while it is started calls this method again: then the loop that runs
   * already goes on, however many tickets end that way.
   */
  #startWaiting(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    const errors: unknown[] = [];
    while (this.#running < this.#terms.running) {
      const ticket = this.#takeNext();
      if (ticket === undefined) break;
      try {
        this.#start(ticket);
      } catch (error) {
        ticket.end(false);
        errors.push(error);
      }
    }
    this.#isStarting = false;
    if (errors.length > 0) throw errors[0];
  }

  /** Takes the next ticket of the client whose turn it is, and moves this client to the end. */
  #takeNext(): Ticket | undefined {
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    const [client, queue] = first;
    const [ticket] = queue;
    queue.delete(ticket);
    this.#waiting.delete(client);
    if (queue.size > 0) this.#waiting.set(client, queue);
    return ticket;
  }

  #start(ticket: Ticket): void {
    // The client may have failed since it was admitted.
    if (this.#leftOf(ticket.client) >= 1) {
      this.#running++;
      ticket.begin();
      return;
    }
    ticket.refuse();
    ticket.end(false);
  }
}

/** One verification of one client. */
export class Ticket {
  readonly client: string;
  readonly #owner: Verifications;
  #state: 'held' | 'waiting' | 'running' | 'refused' | 'ended' = 'held';
  #run: (mayRun: boolean) => void = () => undefined;

  constructor(owner: Verifications, client: string) {
    this.#owner = owner;
    this.client = client;
  }

  /**
   * @param run is called when it is the client's turn, perhaps at once, with whether the client may still have this verified. If it may
   * not, or if `run` throws, the ticket ends by itself.
   */
  whenTurn(run: (mayRun: boolean) => void): void {
    if (this.#state !== 'held') return;
    this.#state = 'waiting';
    this.#run = run;
    this.#owner.enqueue(this);
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** Called by Verifications. */
  begin(): void {
    this.#state = 'running';
    this.#run(true);
  }

  /** Called by Verifications. */
  refuse(): void {
    this.#state = 'refused';
    this.#run(false);
  }

  /** May be called twice. @param isBad whether credentials were verified and found bad, which the client has to answer for */
  end(isBad: boolean): void {
    if (this.#state === 'ended') return;
    const wasRunning = this.#state === 'running';
    this.#state = 'ended';
    this.#owner.ended(this, wasRunning, isBad);
  }
}
