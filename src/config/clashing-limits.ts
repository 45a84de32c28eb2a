// Warns of `limits` of one route that repeat each other, and of a `burst` that is too small for the messages that another limit allows. The
// check reads the unvalidated document, and leaves out limits that are not valid by themselves.

import type { ConfigPath } from './config-path.ts';
import {
  keyPartText,
  type LimitDirection,
  type RateLimitConfig,
  type RouteLimitConfig,
} from './limits-config.ts';
import type { Finding } from './problem.ts';
import { firstIndexes, listOf, mapOf, type RawMap } from './raw-value.ts';
import { resolveLimits } from './resolve-limits.ts';
import { routeLimit } from './route-limits-schema.ts';

/** A limit as it is written, and what it means. */
interface PlacedLimit {
  readonly written: RawMap;
  readonly limit: RouteLimitConfig;
  readonly index: number;
}

export function findClashingLimits(document: unknown): readonly Finding[] {
  return listOf(mapOf(document).get('routes')).flatMap((route, index) => {
    const written = listOf(mapOf(route).get('limits'));
    const limits = written.flatMap((each, position) => {
      const valid = routeLimit.safeParse(each);
      if (!valid.success) return [];
      return resolveLimits([valid.data]).map((limit) => ({ written: mapOf(each), limit, index: position }));
    });
    const path: ConfigPath = ['routes', index, 'limits'];
    return [...findRepeated(limits, path), ...findSmallBursts(limits, path)];
  });
}

function findRepeated(limits: readonly PlacedLimit[], path: ConfigPath): readonly Finding[] {
  const names = limits.map(({ limit }) => nameOf(limit));
  const firsts = firstIndexes(names);
  return limits.flatMap(({ limit, index }, position) => {
    const first = firsts.get(names[position]) ?? position;
    if (first === position) return [];
    const message = `${VERBS[limit.kind]} the same as limits[${limits[first].index}] of this route`;
    return [warning([...path, index], message, `remove one of the two; ${whatDecides(limit)}`)];
  });
}

/** The two may differ in all that does not decide what they are about: in \`burst\` and \`exceed\`, for example. */
const VERBS = {
  rate: 'counts',
  messageSize: 'bounds',
  bodySize: 'bounds',
  service: 'asks',
} as const satisfies Record<RouteLimitConfig['kind'], string>;

function whatDecides({ kind }: RouteLimitConfig): string {
  if (kind === 'service') return 'the service is asked twice about each call';
  return `of two ${kind === 'rate' ? 'bursts' : 'sizes'} the smaller one decides`;
}

/**
 * What two limits have in common if one of them is of no use. Of limits that are only tried, each is told by itself, so two may differ in
 * their amounts.
 */
function nameOf(limit: RouteLimitConfig): string {
  const isTried = limit.dryRun === true;
  return JSON.stringify([limit.kind, isTried, ...subjectOf(limit), ...(isTried ? amountsOf(limit) : [])]);
}

function subjectOf(limit: RouteLimitConfig): readonly unknown[] {
  switch (limit.kind) {
    case 'rate': {
      const { count, direction, by, rate, store } = limit;
      return [count, direction, by.map(keyPartText).toSorted(), rate, store];
    }
    case 'messageSize':
      return [limit.direction];
    case 'bodySize':
      return [];
    case 'service':
      return [limit.service, limit.domain, limit.descriptors.map((descriptor) => [...descriptor])];
    default:
      return limit satisfies never;
  }
}

function amountsOf(limit: RouteLimitConfig): readonly unknown[] {
  if (limit.kind === 'service') return [];
  return limit.kind === 'rate' ? [limit.burst, limit.exceed] : [limit.bytes];
}

/** With `exceed: end`, a message that is larger than the burst ends its call whenever it comes. */
function findSmallBursts(limits: readonly PlacedLimit[], path: ConfigPath): readonly Finding[] {
  const enforced = limits.filter(({ limit }) => limit.dryRun !== true);
  const largest = new Map(
    (['request', 'response', 'both'] as const).map((way) => [way, largestMessage(enforced, way)]),
  );
  return enforced.flatMap(({ limit, written, index }) => {
    if (limit.kind !== 'rate' || limit.count !== 'bytes' || limit.exceed !== 'end') return [];
    const allowed = largest.get(limit.direction);
    if (allowed === undefined || limit.burst >= allowed.bytes) return [];
    return [smallBurst(limit, written, [...path, index], allowed.text)];
  });
}

function smallBurst({ burst }: RateLimitConfig, written: RawMap, path: ConfigPath, allowed: string): Finding {
  const isWritten = written.has('burst');
  const begin = isWritten ? 'is' : `leaves burst at ${burst} bytes,`;
  return warning(
    [...path, isWritten ? 'burst' : 'rate'],
    `${begin} less than messageSize of this route (${allowed}): each message between the two ends its call`,
    `write a burst of more than ${allowed}, since the prefix of a message counts too, or a smaller messageSize`,
  );
}

interface WrittenSize {
  readonly text: string;
  readonly bytes: number;
}

/** @returns the size up to which messages may pass in one of the directions; undefined if none is limited */
function largestMessage(limits: readonly PlacedLimit[], direction: LimitDirection): WrittenSize | undefined {
  const ways = direction === 'both' ? (['request', 'response'] as const) : [direction];
  const ofWays = ways.flatMap((way) => {
    const sizes = limits.flatMap(({ limit, written }): readonly WrittenSize[] => {
      const isOfWay = limit.kind === 'messageSize' && (limit.direction === 'both' || limit.direction === way);
      return isOfWay ? [{ text: String(written.get('messageSize')), bytes: limit.bytes }] : [];
    });
    return sizes.toSorted((one, other) => one.bytes - other.bytes).slice(0, 1);
  });
  return ofWays.toSorted((one, other) => other.bytes - one.bytes).at(0);
}

function warning(path: ConfigPath, message: string, hint: string): Finding {
  return { severity: 'warning', path, at: 'value', message, hint };
}
