// Who may have credentials verified, and when. A signature takes about 0.1 ms and a password more, so that a client that sends nothing
// but new bad ones could take the processor away from others. Clients take turns; each has a bounded number at a time; and a client whose
// credentials have failed too often has no more verified until its budget has grown again.

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

interface Failures {
  readonly left: number;
  readonly atMs: number;
}

export class Verifications {
  readonly #terms: VerificationTerms;
  readonly #now: () => number;
  /** The tickets that wait for their turn, by client, in the order of the clients' turns. */
  readonly #waiting = new Map<string, Ticket[]>();
  readonly #tickets = new Map<string, number>();
  readonly #failures = new Map<string, Failures>();
  #running = 0;
  #total = 0;

  /** @param now monotonic milliseconds */
  constructor(terms: VerificationTerms = OF_SIGNATURES, now: () => number = () => performance.now()) {
    this.#terms = terms;
    this.#now = now;
  }

  /** How many clients have failures that are remembered. */
  get clients(): number {
    return this.#failures.size;
  }

  /** @returns undefined if the client may have nothing verified now. The caller must end the ticket. */
  admit(client: string): Ticket | undefined {
    const ofClient = this.#tickets.get(client) ?? 0;
    if (this.#total >= MOST_TICKETS || ofClient >= MOST_TICKETS_OF_CLIENT) return undefined;
    if (this.#leftOf(client) < 1) return undefined;
    this.#total++;
    this.#tickets.set(client, ofClient + 1);
    return new Ticket(this, client);
  }

  /** Called by the ticket. */
  enqueue(ticket: Ticket): void {
    const queue = this.#waiting.get(ticket.client);
    if (queue === undefined) this.#waiting.set(ticket.client, [ticket]);
    else queue.push(ticket);
    this.#next();
  }

  /** Called by the ticket, once. */
  ended(ticket: Ticket, wasRunning: boolean, isBad: boolean): void {
    const { client } = ticket;
    const left = (this.#tickets.get(client) ?? 1) - 1;
    this.#total--;
    if (left === 0) this.#tickets.delete(client);
    else this.#tickets.set(client, left);
    if (isBad) this.#noteFailure(client);
    if (wasRunning) this.#running--;
    else this.#withdraw(ticket);
    this.#next();
  }

  #withdraw(ticket: Ticket): void {
    const queue = this.#waiting.get(ticket.client);
    const index = queue?.indexOf(ticket) ?? -1;
    if (queue === undefined || index === -1) return;
    queue.splice(index, 1);
    if (queue.length === 0) this.#waiting.delete(ticket.client);
  }

  #noteFailure(client: string): void {
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

  /** Runs the next ticket of the client whose turn it is, and moves this client to the end. */
  #next(): void {
    while (this.#running < this.#terms.running) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      const [client, queue] = first;
      this.#waiting.delete(client);
      const ticket = queue.shift();
      if (queue.length > 0) this.#waiting.set(client, queue);
      if (ticket === undefined) continue;
      this.#running++;
      // The client may have failed since it was admitted.
      ticket.begin(this.#leftOf(client) >= 1);
    }
  }
}

/** One verification of one client. */
export class Ticket {
  readonly client: string;
  readonly #owner: Verifications;
  #state: 'held' | 'waiting' | 'running' | 'ended' = 'held';
  #run: (mayRun: boolean) => void = () => undefined;

  constructor(owner: Verifications, client: string) {
    this.#owner = owner;
    this.client = client;
  }

  /**
   * @param run is called when it is the client's turn, perhaps at once, with whether the client may still have this verified. If it may
   * not, the ticket must be ended. Must not throw.
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
  begin(mayRun: boolean): void {
    this.#state = 'running';
    this.#run(mayRun);
  }

  /** May be called twice. @param isBad whether credentials were verified and found bad, which the client has to answer for */
  end(isBad: boolean): void {
    if (this.#state === 'ended') return;
    const wasRunning = this.#state === 'running';
    this.#state = 'ended';
    this.#owner.ended(this, wasRunning, isBad);
  }
}
