// Calls with the same key go to the same endpoint. Each endpoint has points on a ring, which are computed from the hash of its address. A
// call goes to the endpoint of the first point after the hash of its key. The ring depends only on addresses and weights, so
// it is the same in every worker and on every machine. An added endpoint takes over only keys of its own share, and
// the keys of an endpoint that cannot take calls go to the endpoints that follow it.

import type { Balanced, Balancer, PickContext } from './balancer.ts';
import { wholeHash } from './xxh64.ts';

/** An endpoint of weight 1 has this many points: the shares of the endpoints then differ by about 8 %. */
const POINTS = 160;
/**
 * Above this many points in all, each endpoint has half as many, or a quarter and so on: a ring takes some 50 ms to make. By halves,
 * so that the ring of a group that grows stays the same until the next half.
 */
const MOST_POINTS = 131_072;
/** Points are sorted as one number: the hash, and the place of the endpoint below these bits. */
const PLACES = 2 ** 20;

export class RingHash<Candidate extends Balanced> implements Balancer<Candidate> {
  readonly #random: () => number;
  /** In the order of their addresses, whatever order they were named in. */
  #endpoints: readonly Candidate[] = [];
  /** What the ring was made of. */
  #madeOf = '';
  #hashes = new Uint32Array(0);
  /** The index of the endpoint at each point. */
  #owners = new Uint32Array(0);
  /** Which endpoints a pick has already looked at: those with its number. */
  #seen = new Uint32Array(0);
  #picks = 0;

  /** @param random from 0 to less than 1, for calls without a key */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  use(endpoints: readonly Candidate[]): void {
    this.#endpoints = endpoints.toSorted((a, b) => compare(a.address.text, b.address.text));
    const parts = this.#endpoints.map(({ address, weight }) => `${weight} ${address.text}`).join('\n');
    if (parts === this.#madeOf) return;
    this.#madeOf = parts;
    const points = pointsOf(this.#endpoints).toSorted();
    this.#hashes = new Uint32Array(points.length);
    this.#owners = new Uint32Array(points.length);
    for (let at = 0; at < points.length; at++) {
      this.#hashes[at] = Math.floor(points[at] / PLACES);
      this.#owners[at] = points[at] % PLACES;
    }
    this.#seen = new Uint32Array(endpoints.length);
    this.#picks = 0;
  }

  pick(context: PickContext<Candidate>): Candidate | undefined {
    const count = this.#endpoints.length;
    if (count === 0) return undefined;
    const hash = context.hash ?? Math.floor(this.#random() * 2 ** 32);
    const owners = this.#owners;
    const mark = this.#nextMark();
    let at = this.#firstAfter(hash);
    // Those that follow are soon found. Where nearly all endpoints can take no call, the search must not walk the whole ring.
    for (let steps = 2 * count + 16; steps > 0; steps--) {
      if (at === owners.length) at = 0;
      const owner = owners[at++];
      if (this.#seen[owner] === mark) continue;
      this.#seen[owner] = mark;
      const endpoint = this.#endpoints[owner];
      if (!context.accepts(endpoint)) continue;
      if (endpoint.isPickable) return endpoint;
      // To go elsewhere until the first connection is there would move the key for a moment only.
      if (endpoint.isAwaited) return undefined;
    }
    return this.#anyAfter(hash % count, context, mark);
  }

  /** The number of this pick. 0 means no pick, so that the marks begin anew when the numbers are used up. */
  #nextMark(): number {
    this.#picks = (this.#picks + 1) >>> 0;
    if (this.#picks === 0) {
      this.#seen.fill(0);
      this.#picks = 1;
    }
    return this.#picks;
  }

  #firstAfter(hash: number): number {
    const hashes = this.#hashes;
    let low = 0;
    let high = hashes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (hashes[middle] >= hash) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #anyAfter(first: number, context: PickContext<Candidate>, mark: number): Candidate | undefined {
    const count = this.#endpoints.length;
    for (let step = 0; step < count; step++) {
      const index = (first + step) % count;
      const endpoint = this.#endpoints[index];
      if (this.#seen[index] === mark || !context.accepts(endpoint)) continue;
      if (endpoint.isPickable) return endpoint;
      if (endpoint.isAwaited) return undefined;
    }
    return undefined;
  }
}

/** The points of all endpoints, unsorted. The hash of each point is above the index of its endpoint. */
function pointsOf(endpoints: readonly Balanced[]): Float64Array {
  let perWeight = POINTS;
  const countOf = ({ weight }: Balanced): number => Math.max(1, Math.round(weight * perWeight));
  const total = (): number => endpoints.reduce((sum, endpoint) => sum + countOf(endpoint), 0);
  // The endpoints themselves may be more than that.
  while (total() > Math.max(MOST_POINTS, endpoints.length)) perWeight /= 2;
  const points = new Float64Array(total());
  let at = 0;
  for (const [index, endpoint] of endpoints.entries()) {
    // An address may be the path of a socket, with any characters: its bytes are hashed.
    const [high, low] = wholeHash(Buffer.from(endpoint.address.text, 'utf8').toString('latin1'));
    for (let number = 0, count = countOf(endpoint); number < count; number++)
      points[at++] = mixed(high ^ mixed(low + Math.imul(number, 0x9e3779b1))) * PLACES + index;
  }
  return points;
}

/** Spreads a number over 32 bits (the last step of MurmurHash3). A hash of its own for each point would take seconds for 10,000 endpoints. */
function mixed(number: number): number {
  let hash = number;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
