// Decides which endpoints of an upstream get calls, and how many: by priority, as long as enough endpoints of a level can be used, and by
// zone. Within a group the balancer chooses. Everything is computed when endpoints change, fail, return or are excluded, so that a pick of
// an upstream with one level and no zones goes straight to its balancer.

import type { Balancer } from './balancers/balancer.ts';
import type { Endpoint } from './endpoint.ts';
import type { Picking } from './picking.ts';
import { weighByReports } from './reported-weights.ts';
import { SlowStart } from './slow-start.ts';

/** A level keeps all of its calls while 1 / 1.4 = 71 % of its endpoints can be used (Envoy's overprovisioning factor). */
const OVERPROVISIONING = 1.4;

export interface AvailabilitySettings {
  /** If fewer endpoints of a level can be used, excluded ones get calls as well. From 0 to 1; 0 means never. */
  readonly panicShare: number;
  /** The zone whose endpoints get calls first. Undefined means that zones do not matter. */
  readonly preferredZone: string | undefined;
  /** How long an endpoint that is new or back gets fewer calls. Undefined means not at all. */
  readonly slowStartMs: number | undefined;
}

/** What begins or ends: fewer endpoints of a level can be used than the panic threshold, so that excluded ones get calls. */
export interface Panic {
  readonly isPanicking: boolean;
  readonly priority: number;
  readonly usable: number;
  readonly total: number;
}

/** A panic that goes on. */
export interface RunningPanic extends Omit<Panic, 'isPanicking'> {
  readonly sinceEpochMs: number;
}

export interface AvailabilityParts<Candidate extends Endpoint> extends AvailabilitySettings {
  readonly makeBalancer: () => Balancer<Candidate>;
  onPanic(panic: Panic): void;
  /** An endpoint is new, or can be used again. Not called for the first endpoints. */
  /** @param joined those that are new or back */
  onUsable(joined: readonly Endpoint[]): void;
  /** Receives what a timer has thrown. Must not throw. */
  onFault(error: unknown): void;
}

/** The endpoints of one level, or of one zone in it. */
interface Group<Candidate extends Endpoint> {
  readonly level: Level;
  readonly zone: string | undefined;
  readonly members: readonly Candidate[];
  readonly balancer: Balancer<Candidate>;
  /** Its share of all calls. */
  share: number;
  /** The sum of the shares up to this group. */
  upTo: number;
  usableWeight: number;
}

interface Level {
  readonly priority: number;
  total: number;
  usable: number;
  excluded: number;
  share: number;
  isPanicking: boolean;
  /** When the panic began. Meaningless without one. */
  panicSinceEpochMs: number;
}

export class Availability<Candidate extends Endpoint> {
  readonly #parts: AvailabilityParts<Candidate>;
  #endpoints: readonly Candidate[] = [];
  #groups: readonly Group<Candidate>[] = [];
  #groupOf = new Map<Endpoint, Group<Candidate>>();
  /** The group of an upstream that has only one. */
  #only: Group<Candidate> | undefined = undefined;
  #usable = new Set<Endpoint>();
  /** Whether there were endpoints before. The first ones are not new. */
  #hasBegun = false;
  #candidates: readonly Candidate[] = [];
  #trial: Candidate | undefined = undefined;
  readonly #slowStart: SlowStart | undefined;

  constructor(parts: AvailabilityParts<Candidate>) {
    this.#parts = parts;
    const { slowStartMs } = parts;
    this.#slowStart =
      slowStartMs === undefined
        ? undefined
        : new SlowStart(
            slowStartMs,
            () => this.#tellBalancers(),
            (error) => parts.onFault(error),
          );
  }

  /** The endpoints that are worth a connection: those that get calls, and those that were unreachable last time. */
  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }

  /** Replaces the endpoints. Must be followed by `judge`. */
  use(endpoints: readonly Candidate[]): void {
    const before = this.#groups;
    const grouped = Map.groupBy(endpoints, (endpoint) => this.#keyOf(endpoint));
    const levels = new Map<number, Level>();
    const groups = Array.from(grouped.values(), (members) => {
      const { priority } = members[0].state;
      const level = levels.get(priority) ?? levelOf(priority, before);
      levels.set(priority, level);
      return this.#group(level, members, before);
    });
    groups.sort((a, b) => a.level.priority - b.level.priority || this.#distance(a) - this.#distance(b));
    this.#endpoints = endpoints;
    this.#groups = groups;
    this.#only = groups.length === 1 ? groups[0] : undefined;
    this.#groupOf = new Map(groups.flatMap((group) => group.members.map((member) => [member, group])));
    this.#slowStart?.keepOnly(this.#groupOf);
  }

  #keyOf({ state }: Candidate): string {
    return this.#parts.preferredZone === undefined
      ? String(state.priority)
      : `${state.priority} ${state.zone ?? ''}`;
  }

  #distance({ zone }: Group<Candidate>): number {
    return zone === this.#parts.preferredZone ? 0 : 1;
  }

  /** A group that was there before keeps its balancer, and with it whose turn it is. */
  #group(level: Level, members: readonly Candidate[], before: readonly Group<Candidate>[]): Group<Candidate> {
    const zone = this.#parts.preferredZone === undefined ? undefined : members[0].state.zone;
    const known = before.find((group) => group.level === level && group.zone === zone);
    const balancer = known?.balancer ?? this.#parts.makeBalancer();
    weighByReports(members);
    balancer.use(members);
    return { level, zone, members, balancer, share: 1, upTo: 1, usableWeight: 0 };
  }

  /** Takes up what endpoints have reported of their load. Must be followed by `judge`. */
  reweigh(): void {
    for (const { members } of this.#groups) weighByReports(members);
    this.#tellBalancers();
  }

  #tellBalancers(): void {
    for (const { balancer, members } of this.#groups) balancer.use(members);
  }

  /** Must be called after an endpoint was reached or found unreachable. @returns whether that changes who gets calls */
  noteReach(endpoint: Endpoint): boolean {
    if (this.#usable.has(endpoint) === endpoint.isUsable) return false;
    this.judge();
    return true;
  }

  /**
   * The next call finds out whether this endpoint is back, although its level gets no calls. Only for endpoints that cannot be
   * connected to without a call.
   */
  tryOnce(endpoint: Candidate): void {
    if (this.#groupOf.get(endpoint)?.share === 0) this.#trial = endpoint;
  }

  /** Must be called after endpoints were replaced, excluded, readmitted or weighed: once for all that changes together. */
  judge(): void {
    const before = this.#usable;
    this.#usable = new Set(this.#endpoints.filter(({ isUsable }) => isUsable));
    this.#count();
    this.#shareOut();
    this.#candidates = this.#groups.every(({ share }) => share > 0)
      ? this.#endpoints
      : this.#endpoints.filter((one) => this.shareOf(one) > 0 || one.lastFailure !== undefined);
    const back = [...this.#usable].filter((endpoint) => !before.has(endpoint));
    const areFirst = !this.#hasBegun;
    this.#hasBegun ||= this.#endpoints.length > 0;
    if (back.length === 0 || areFirst) return;
    if (this.#slowStart !== undefined) {
      for (const endpoint of back) this.#slowStart.begin(endpoint, performance.now());
      this.#tellBalancers();
    }
    this.#parts.onUsable(back);
  }

  close(): void {
    this.#slowStart?.close();
  }

  #count(): void {
    for (const { level } of this.#groups) Object.assign(level, { total: 0, usable: 0, excluded: 0 });
    for (const group of this.#groups) {
      const { level, members } = group;
      group.usableWeight = 0;
      level.total += members.length;
      for (const endpoint of members) {
        if (endpoint.isExcluded) level.excluded++;
        if (!endpoint.isUsable) continue;
        level.usable++;
        group.usableWeight += endpoint.wholeWeight;
      }
    }
  }

  #shareOut(): void {
    const levels = [...new Set(this.#groups.map(({ level }) => level))];
    const total = levels.reduce((sum, level) => sum + level.total, 0);
    const health = levels.reduce((sum, level) => sum + healthOf(level), 0);
    let left = 1;
    for (const level of levels) {
      // Where nothing can be used, any endpoint is as good as another.
      level.share =
        health === 0 ? level.total / total : Math.min(left, healthOf(level) / Math.min(1, health));
      left -= level.share;
      this.#panic(level, health);
      this.#shareAmongZones(
        this.#groups.filter((group) => group.level === level),
        level,
      );
    }
    let upTo = 0;
    for (const group of this.#groups) {
      upTo += group.share;
      group.upTo = upTo;
    }
  }

  /** @param health the sum over all levels. From 1 on the levels can take all calls together, so that none panics. */
  #panic(level: Level, health: number): void {
    const { panicShare } = this.#parts;
    const { priority, usable, total, excluded } = level;
    // If no endpoint is excluded, a panic would change nothing.
    const isPanicking = panicShare > 0 && health < 1 && excluded > 0 && usable < panicShare * total;
    if (isPanicking === level.isPanicking) return;
    level.isPanicking = isPanicking;
    level.panicSinceEpochMs = Date.now();
    this.#parts.onPanic({ isPanicking, priority, usable, total });
  }

  /**
   * The preferred zone gets all calls of a level unless that is more than its share: as many calls are assumed to begin in each zone,
   * so that a zone with less than its part of the capacity passes the rest on to those with more (Envoy's zone aware routing).
   */
  #shareAmongZones(groups: readonly Group<Candidate>[], level: Level): void {
    const weight = groups.reduce((sum, group) => sum + group.usableWeight, 0);
    const zones = groups.filter(({ usableWeight }) => usableWeight > 0).length;
    const local = groups.find((group) => this.#distance(group) === 0);
    const own =
      level.isPanicking || local === undefined || weight === 0
        ? 0
        : Math.min(1, (local.usableWeight * zones) / weight);
    const isApart = (group: Group<Candidate>): boolean => own > 0 && group === local;
    const spareOf = (group: Group<Candidate>): number => {
      if (level.isPanicking || weight === 0) return group.members.length;
      return own > 0 ? Math.max(0, group.usableWeight / weight - 1 / zones) : group.usableWeight;
    };
    const others = groups.filter((group) => !isApart(group));
    const spare = others.reduce((sum, group) => sum + spareOf(group), 0);
    for (const group of groups) {
      if (isApart(group)) group.share = level.share * own;
      else group.share = spare === 0 ? 0 : (level.share * (1 - own) * spareOf(group)) / spare;
    }
  }

  /** The part of all calls that this endpoint should carry, by the weights of those that can be used. From 0 to 1. */
  shareOf(endpoint: Candidate): number {
    const group = this.#groupOf.get(endpoint);
    if (group === undefined) return 0;
    if (group.usableWeight === 0 || group.level.isPanicking) return group.share / group.members.length;
    return endpoint.isUsable ? (group.share * endpoint.wholeWeight) / group.usableWeight : 0;
  }

  /** Why an endpoint that can be used gets no calls: others have all of them. Undefined if it gets some. */
  whyIdle(endpoint: Candidate): 'priority' | 'zone' | undefined {
    const group = this.#groupOf.get(endpoint);
    if (group === undefined || group.share > 0) return undefined;
    return group.level.share > 0 ? 'zone' : 'priority';
  }

  /**
   * Whether calls go to the endpoint now: its group has a share of them, and it was reached last time and answers. In a panic also where
   * it is kept out.
   */
  getsCalls(endpoint: Candidate): boolean {
    if (endpoint.lastFailure !== undefined || endpoint.isInDoubt) return false;
    return this.isOpen(endpoint) && this.shareOf(endpoint) > 0;
  }

  /** The levels that send calls to endpoints that are kept out, since too few others are left. */
  get panics(): readonly RunningPanic[] {
    const levels = new Set(this.#groups.map(({ level }) => level));
    return [...levels]
      .filter(({ isPanicking }) => isPanicking)
      .map(({ priority, usable, total, panicSinceEpochMs }) => ({
        priority,
        usable,
        total,
        sinceEpochMs: panicSinceEpochMs,
      }));
  }

  /** Whether calls may be sent to the endpoint. False for excluded ones, unless too few others are left. */
  isOpen(endpoint: Endpoint): boolean {
    return !endpoint.isExcluded || this.#groupOf.get(endpoint)?.level.isPanicking === true;
  }

  /** Whether calls may be sent to the endpoint, and its level gets any. */
  mayGetCalls(endpoint: Endpoint): boolean {
    const level = this.#groupOf.get(endpoint)?.level;
    return level !== undefined && level.share > 0 && (!endpoint.isExcluded || level.isPanicking);
  }

  pick(picking: Picking<Candidate>): Candidate | undefined {
    const only = this.#only;
    if (only === undefined) return this.#pickAmong(picking);
    picking.isPanicking = only.level.isPanicking;
    return only.balancer.pick(picking);
  }

  #pickAmong(picking: Picking<Candidate>): Candidate | undefined {
    const trial = this.#takeTrial(picking);
    if (trial !== undefined) return trial;
    const drawn = this.#draw(picking.hash);
    let first: Group<Candidate> | undefined;
    for (const group of this.#groups) {
      if (group.share === 0) continue;
      first = group;
      if (drawn < group.upTo) break;
    }
    const found = first === undefined ? undefined : pickFrom(first, picking);
    if (found !== undefined) return found;
    for (const group of this.#groups) {
      // Not even a call that has tried others: what it found has changed the shares, unless these others can be used after all.
      if (group === first || group.level.share === 0) continue;
      const other = pickFrom(group, picking);
      if (other !== undefined) return other;
    }
    return undefined;
  }

  /**
   * A number from 0 to less than 1. That of a key is the same on every machine that knows the same endpoints, and has nothing to do
   * with the place of the key on a ring.
   */
  #draw(hash: number | undefined): number {
    return hash === undefined ? Math.random() : (Math.imul(hash, 0x9e3779b1) >>> 0) / 2 ** 32;
  }

  #takeTrial(picking: Picking<Candidate>): Candidate | undefined {
    const trial = this.#trial;
    if (trial === undefined) return undefined;
    this.#trial = undefined;
    picking.isPanicking = false;
    return trial.isPickable && picking.accepts(trial) ? trial : undefined;
  }
}

function pickFrom<Candidate extends Endpoint>(
  { level, balancer }: Group<Candidate>,
  picking: Picking<Candidate>,
): Candidate | undefined {
  picking.isPanicking = level.isPanicking;
  return balancer.pick(picking);
}

function levelOf(priority: number, before: readonly Group<Endpoint>[]): Level {
  const known = before.find(({ level }) => level.priority === priority)?.level;
  return (
    known ?? {
      priority,
      total: 0,
      usable: 0,
      excluded: 0,
      share: 1,
      isPanicking: false,
      panicSinceEpochMs: 0,
    }
  );
}

/** How much of all calls a level could take, from 0 to 1. */
function healthOf({ usable, total }: Level): number {
  return Math.min(1, (OVERPROVISIONING * usable) / total);
}
