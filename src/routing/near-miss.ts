// Explains why a request that matches no route nearly matched one: finds the route of which all criteria but one hold, and says
// what is wrong with that one. This runs only for refused requests, and costs a second pass over the routes.
//
// A refused client is a stranger. It is told the path of a route only when it has sent that path itself, except for the case of
// its letters or a final slash. Hosts, headers, listeners and names that it has not sent are for the log only.

import type { RouteConfig } from '../config/route-config.ts';
import { hostOf, matchesHost } from './host.ts';
import { matchesPath, type RoutedRequest, withoutQuery } from './routed-request.ts';
import { pathCriterion } from './specificity.ts';

export interface NearMiss {
  readonly sentence: string;
  /** Whether the client may see the sentence too. */
  readonly isForClient: boolean;
}

interface Miss extends NearMiss {
  /** A smaller rank is more likely to be what the client meant. */
  readonly rank: number;
  /** Of misses of one rank the nearest counts: in how many letters the criterion differs from what the client has sent. */
  readonly distance: number;
}

/** Longer paths are compared only up to this length. */
const LONGEST_COMPARED = 256;
/** The longest text from the configuration that a sentence quotes. */
const LONGEST_SHOWN = 128;

/** @param routes the most specific first; of equal misses the first one counts */
export function findNearMiss(routes: readonly RouteConfig[], request: RoutedRequest): NearMiss | undefined {
  const host = hostOf(request.authority);
  const path = withoutQuery(request.path).slice(0, LONGEST_COMPARED);
  let best: Miss | undefined;
  for (const route of routes) {
    const miss = missOf(route, request, host, path);
    if (miss !== undefined && (best === undefined || isNearer(miss, best))) best = miss;
  }
  return best;
}

function isNearer(miss: Miss, best: Miss): boolean {
  return miss.rank < best.rank || (miss.rank === best.rank && miss.distance < best.distance);
}

/** Undefined when more than one criterion fails, or when the path is entirely different. */
function missOf(
  { name: fullName, match }: RouteConfig,
  request: RoutedRequest,
  host: string,
  path: string,
): Miss | undefined {
  const name = fullName.slice(0, LONGEST_SHOWN);
  const pattern = pathCriterion(match);
  const isHost = match.host === undefined || matchesHost(match.host, host);
  const isListener = match.listener === undefined || match.listener === request.listener;
  const header = [...match.headers].find(([key, value]) => request.headers.get(key) !== value)?.[0];
  const isPath = pattern === undefined || matchesPath(pattern, path);
  if (!isPath) {
    return isHost && isListener && header === undefined ? missOfPath(pattern, path, name) : undefined;
  }
  if (Number(!isHost) + Number(!isListener) + Number(header !== undefined) !== 1) return undefined;
  if (!isHost) {
    const sentence = `Route '${name}' would match, but for its host: ${match.host}.`;
    return forLog(1, sentence, differingLetters(match.host ?? '', host));
  }
  if (!isListener) return forLog(3, `Route '${name}' would match, but for its listener: ${match.listener}.`);
  return forLog(
    2,
    `Route '${name}' would match, but for its header ${header}: it is absent or has another value.`,
  );
}

function missOfPath(pattern: string, path: string, name: string): Miss | undefined {
  if (pattern.length > LONGEST_SHOWN) return undefined;
  if (`${path}/*` === pattern || path === `${pattern}/`) {
    return {
      rank: 4,
      distance: 0,
      sentence: `A route has the path ${pattern}; mind the slash at the end.`,
      isForClient: true,
    };
  }
  if (!pattern.endsWith('*')) {
    const below = pattern.endsWith('/') ? pattern : `${pattern}/`;
    if (path.startsWith(below)) {
      const sentence = `A route has the path ${pattern}, which matches nothing but itself; ${below}* matches what is below it.`;
      return { rank: 0, distance: 0, sentence, isForClient: true };
    }
  }
  if (matchesPath(pattern.toLowerCase(), path.toLowerCase())) {
    return {
      rank: 5,
      distance: 0,
      sentence: `A route has the path ${pattern}; paths are case-sensitive.`,
      isForClient: true,
    };
  }
  return missOfService(pattern, path, name);
}

/** The miss of a gRPC path, /package.Service/Method. */
function missOfService(pattern: string, path: string, name: string): Miss | undefined {
  const wanted = serviceOf(pattern);
  const given = serviceOf(path);
  const base = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern;
  if (base.length > 2 && path.indexOf(base) > 0) {
    return forLog(6, `Route '${name}' has the path ${pattern}: the client calls it with something in front.`);
  }
  const distance = differingLetters(base, base === pattern ? path : path.slice(0, given.length + 2));
  if (wanted === '' || given === '' || wanted.endsWith('*')) return undefined;
  if (wanted !== given && lastLabel(wanted) === lastLabel(given)) {
    return forLog(
      7,
      `Route '${name}' has the path ${pattern}: mind the package before the service's name.`,
      distance,
    );
  }
  if (wanted !== given && isNearlyEqual(wanted, given)) {
    return forLog(8, `Route '${name}' has the path ${pattern}: is one of the two misspelt?`, distance);
  }
  if (wanted === given)
    return forLog(9, `Route '${name}' is for another method of this service: ${pattern}.`, distance);
  return undefined;
}

function serviceOf(path: string): string {
  const end = path.indexOf('/', 1);
  return end === -1 ? '' : path.slice(1, end);
}

function lastLabel(service: string): string {
  return service.slice(service.lastIndexOf('.') + 1);
}

/** Whether the names differ in at most two adjacent letters. */
function isNearlyEqual(a: string, b: string): boolean {
  return Math.max(a.length, b.length) > 3 && differingLetters(a, b) <= 2;
}

/** How many letters of the longer text are not in what both begin and end with. This is linear, since a stranger chooses one of them. */
function differingLetters(a: string, b: string): number {
  const longer = Math.max(a.length, b.length);
  const shorter = Math.min(a.length, b.length);
  let front = 0;
  while (front < shorter && a[front] === b[front]) front++;
  let back = 0;
  while (back < shorter - front && a[a.length - 1 - back] === b[b.length - 1 - back]) back++;
  return longer - front - back;
}

function forLog(rank: number, sentence: string, distance = 0): Miss {
  return { rank, distance, sentence, isForClient: false };
}
