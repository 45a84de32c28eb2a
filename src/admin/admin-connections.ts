// The connections to the admin server: how many there may be, and who has to leave when there are too many. Clients that have said nothing
// leave first, those that have shown the token never. It also ends connections whose client does not take its answer.

import { clientNetwork } from '../config/client-network.ts';
import type { Logger } from '../observability/logger.ts';
import type { Containment } from '../transport/containment.ts';
import type { AdminCounts, ClosedFor } from './admin-counts.ts';

const MOST_CONNECTIONS = 128;
/** Of one address of another machine. On this machine all clients have one address. */
const MOST_OF_ADDRESS = 32;
/** Over HTTP/2, so that clients of HTTP/1.1 always find room. */
const MOST_RPC = 64;
/** Answers that their clients have not taken yet, of all connections. */
const MOST_UNREAD_BYTES = 64 * 1024 * 1024;
/** For a whole answer. Streams of events have limits of their own. */
const TAKEN_WITHIN_MS = 30_000;
const CHECK_EVERY_MS = 1_000;
const LOG_EVERY_MS = 60_000;

/**
 * What is known of a client. silent: it has asked for nothing that may go on. asking: what it has sent waits for its turn, which comes soon; if it
 * had to leave for others, a flood of these would keep everybody from being served. served: it is answered and has shown no token. trusted: its
 * newest request has the token, or it reads a stream of events, of which there are few.
 */
type Standing = 'silent' | 'asking' | 'served' | 'trusted';

/** What a place needs of a socket of Node. */
export interface PlacedSocket {
  readonly remoteAddress?: string | undefined;
  destroy(): unknown;
  resetAndDestroy(): unknown;
}

/** The place of one connection. */
export class AdminPlace {
  readonly socket: PlacedSocket;
  /** Undefined on a Unix socket, and for clients of this machine. */
  readonly network: string | undefined;
  #standing: Standing = 'silent';
  #isOfEvents = false;
  isRpc = false;
  unreadBytes = 0;
  /** When its answer was handed over. */
  sentAtMs: number | undefined = undefined;

  constructor(socket: PlacedSocket) {
    this.socket = socket;
    const { remoteAddress } = socket;
    const network = remoteAddress === undefined ? undefined : clientNetwork(remoteAddress);
    this.network = network === undefined || isOfThisMachine(network) ? undefined : network;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** What the client has sent waits for its turn. */
  asks(): void {
    if (this.#standing === 'silent') this.#standing = 'asking';
  }

  /** Its turn is over. What was a whole request may be granted next. */
  wasHeard(): void {
    if (this.#standing === 'asking') this.#standing = 'silent';
  }

  /** A request may go on. */
  granted(hasToken: boolean): void {
    this.#standing = hasToken ? 'trusted' : 'served';
  }

  /** The answer is a stream of events, which lasts as long as the client likes. */
  staysOpen(): void {
    this.#standing = 'trusted';
    this.#isOfEvents = true;
  }

  /** What the client has shown is no longer the token. Streams of events are ended where their client may not have them any more. */
  tokenChanged(): void {
    if (this.#standing === 'trusted' && !this.#isOfEvents) this.#standing = 'served';
  }

  /** The answer is complete, and the client has taken it. A client that has shown the token keeps its standing. */
  done(): void {
    if (this.#standing === 'served') this.#standing = 'silent';
    this.unreadBytes = 0;
    this.sentAtMs = undefined;
  }

  /** A reset leaves nothing in the kernel. Unix sockets have none. */
  close(): void {
    if (this.socket.remoteAddress === undefined) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }
}

export interface AdminConnectionsParts {
  readonly counts: AdminCounts;
  readonly containment: Containment;
  readonly logger?: Logger | undefined;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

export class AdminConnections {
  readonly #counts: AdminCounts;
  readonly #containment: Containment;
  readonly #logger: Logger | undefined;
  readonly #now: () => number;
  /** The oldest first. */
  readonly #places = new Set<AdminPlace>();
  #timer: NodeJS.Timeout | undefined = undefined;
  #displaced = 0;
  #loggedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ counts, containment, logger, now = () => performance.now() }: AdminConnectionsParts) {
    this.#counts = counts;
    this.#containment = containment;
    this.#logger = logger;
    this.#now = now;
  }

  get size(): number {
    return this.#places.size;
  }

  /**
   * Gives a new connection its place, and closes an older one for it if there are too many. `leave` must be called when it is closed.
   * @returns undefined if there is no place: the connection must be closed
   */
  admit(socket: PlacedSocket): AdminPlace | undefined {
    const place = new AdminPlace(socket);
    const { network } = place;
    const isOfAddress = (other: AdminPlace): boolean => other.network === network;
    const hasRoom =
      (network === undefined || this.#makeRoom(place, MOST_OF_ADDRESS, 'address', isOfAddress)) &&
      this.#makeRoom(place, MOST_CONNECTIONS, 'room', anyone);
    if (!hasRoom) {
      this.#counts.refused();
      return undefined;
    }
    this.#places.add(place);
    this.#timer ??= setInterval(
      this.#containment.guard(ignore, () => this.check()),
      CHECK_EVERY_MS,
    ).unref();
    return place;
  }

  /** The connection speaks HTTP/2. @returns false if there is no place for it: the connection must be closed */
  becomesRpc(place: AdminPlace): boolean {
    const hasRoom = this.#makeRoom(place, MOST_RPC, 'room', ({ isRpc }) => isRpc);
    if (!hasRoom) this.#counts.refused();
    place.isRpc = hasRoom;
    return hasRoom;
  }

  leave(place: AdminPlace): void {
    this.#places.delete(place);
    if (this.#places.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Must be called when the token has changed: who has shown the old one may have to leave for others. */
  tokenChanged(): void {
    for (const place of this.#places) place.tokenChanged();
  }

  /** An answer was handed over. Closes the connections whose answers have waited longest, if too many bytes wait. */
  sending(place: AdminPlace, bytes: number): void {
    place.unreadBytes = bytes;
    place.sentAtMs = this.#now();
    const unread = this.#all(({ unreadBytes }) => unreadBytes > 0);
    unread.sort((one, other) => (one.sentAtMs ?? 0) - (other.sentAtMs ?? 0));
    let sum = unread.reduce((bytesOfAll, { unreadBytes }) => bytesOfAll + unreadBytes, 0);
    for (const other of unread) {
      if (sum <= MOST_UNREAD_BYTES) return;
      if (other === place || other.standing === 'trusted') continue;
      sum -= other.unreadBytes;
      this.#close(other, 'unread');
    }
  }

  /** Closes the connections whose clients do not take their answers. Called about once a second. */
  check(): void {
    const oldestMs = this.#now() - TAKEN_WITHIN_MS;
    for (const place of this.#all(({ sentAtMs }) => sentAtMs !== undefined && sentAtMs <= oldestMs))
      this.#close(place, 'slow');
  }

  #all(isMeant: (place: AdminPlace) => boolean): AdminPlace[] {
    return [...this.#places].filter(isMeant);
  }

  /** @returns whether there is room for one more of those that are meant */
  #makeRoom(
    place: AdminPlace,
    most: number,
    reason: ClosedFor,
    isMeant: (place: AdminPlace) => boolean,
  ): boolean {
    const all = this.#all((other) => other !== place && isMeant(other));
    if (all.length < most) return true;
    const leaving =
      all.find(({ standing }) => standing === 'silent') ?? all.find(({ standing }) => standing === 'served');
    if (leaving === undefined) return false;
    this.#close(leaving, reason);
    this.#log(leaving);
    return true;
  }

  #close(place: AdminPlace, reason: ClosedFor): void {
    this.#counts.closed(reason);
    // The event of its end comes later.
    this.leave(place);
    place.close();
  }

  /** At most once a minute. */
  #log({ socket }: AdminPlace): void {
    this.#displaced++;
    const nowMs = this.#now();
    if (nowMs - this.#loggedAtMs < LOG_EVERY_MS) return;
    this.#loggedAtMs = nowMs;
    const closed = this.#displaced;
    this.#displaced = 0;
    this.#logger?.warn(
      { closed, client: socket.remoteAddress ?? 'unix' },
      'the admin server has closed connections to make room for others',
    );
  }
}

function anyone(): boolean {
  return true;
}

function isOfThisMachine(network: string): boolean {
  return network.startsWith('127.') || network === '0:0:0:0::/64';
}

function ignore(): void {
  // The next check is in a second.
}
