// The names of the routes of the output, made of host, path and the name of a header field: `voice.VoiceAssistant`,
// `api/voice.VoiceAssistant`, `voice.VoiceAssistant-x-tenant`. Logs, metrics and pages show them, so that each is short enough for a line
// of the log, is a route's alone, and contains no value of a header field. A route keeps its name when others are added behind it.

import type { Route } from './routes.ts';
import { YamlMap } from './yaml-text.ts';

/** The access log shows this much of a name. */
const LONGEST = 40;
const LONGEST_HOST = 20;
const LONGEST_PATH = 32;
const LONGEST_ENDING = 20;
/** How many parts of a path that is cut are tried in front of its end. */
const MOST_LEFT_OUT = 8;
/** A route that takes every path of every host. */
const EVERYTHING = 'all';

type NamedRoute = Pick<Route, 'listener' | 'host' | 'path'> & {
  readonly branch: Pick<Route['branch'], 'header'>;
};

export class RouteNames {
  readonly #hosts = new FreeNames();
  readonly #hostNames = new Map<string, string>();
  readonly #names = new FreeNames();
  /** The first route that would have had a name. */
  readonly #firsts = new Map<string, NamedRoute>();

  /** Asked once for each route, in their order. */
  of(route: NamedRoute): string {
    const { host, path } = route;
    const hostName = host === undefined ? '' : this.#hostName(host);
    const most = Math.min(LONGEST_PATH, LONGEST - hostName.length - 1);
    const field = headerName(route);
    const named = (pathName: string): string => {
      const place = [hostName, pathName].filter((part) => part !== '').join('/') || EVERYTHING;
      return field === '' ? place : withEnding(place, field);
    };
    const [base, ...others] = pathParts(path, most).map(named);
    const first = this.#firsts.get(base);
    if (first === undefined) this.#firsts.set(base, route);
    return this.#names.take([base, ...(first === undefined ? [] : differing(route, first, base)), ...others]);
  }

  /** @returns the first words of the host by which it differs from the hosts before it */
  #hostName(host: string): string {
    const known = this.#hostNames.get(host);
    if (known !== undefined) return known;
    const isWildcard = host.startsWith('*.');
    const words = plain(host.replace(/^\*\./, 'any.')).split('.');
    const least = isAddress(host) ? words.length : Math.min(isWildcard ? 2 : 1, words.length);
    const candidates = words.slice(least - 1).map((_, index) => words.slice(0, least + index).join('.'));
    const name = this.#hosts.take(candidates.map((candidate) => cut(candidate, LONGEST_HOST) || 'host'));
    this.#hostNames.set(host, name);
    return name;
  }
}

/** Names that are given once each. */
class FreeNames {
  /** By name, the last number that was put behind it. */
  readonly #given = new Map<string, number>();

  /** @returns the first of the candidates that is free, or the first one with a number behind it */
  take(candidates: readonly string[]): string {
    const [first] = candidates;
    let name = candidates.find((candidate) => !this.#given.has(candidate));
    for (let number = this.#given.get(first) ?? 0; name === undefined; ) {
      number = Math.max(number + 1, 2);
      const next = withEnding(first, String(number));
      if (!this.#given.has(next)) name = next;
      this.#given.set(first, number);
    }
    this.#given.set(name, this.#given.get(name) ?? 0);
    return name;
  }
}

/** @returns names that say what tells the route from the first one of the name, if that is not in its path alone */
function differing({ listener, path }: NamedRoute, first: NamedRoute, name: string): readonly string[] {
  if (withoutStar(path) !== withoutStar(first.path)) return [];
  const kind = path.endsWith('*') ? 'below' : 'exact';
  const ofPath = path === first.path ? [] : [withEnding(name, kind)];
  const isElsewhere = listener !== undefined && listener !== first.listener;
  return isElsewhere
    ? [withEnding(name, listener), ...ofPath, withEnding(name, `${listener}-${kind}`)]
    : ofPath;
}

function withoutStar(path: string): string {
  return path.replace(/\/?\*?$/, '');
}

/**
 * @returns the end of the path, which tells more than its beginning: `identity.v1.Users` of `/com.example.identity.v1.Users/*`, and '' of
 *   `/*`. If something is left out, also what has a part of that in front, the nearest one first.
 */
function pathParts(path: string, most: number): readonly [string, ...string[]] {
  const text = path
    .split('/')
    .map(plain)
    .filter((segment) => segment !== '')
    .join('/');
  if (text.length <= most) return [text];
  const parts = text.split(/(?<=[/.])/);
  const leftOut: string[] = [];
  while (parts.length > 1 && parts.join('').length > most) leftOut.unshift(parts.shift() ?? '');
  const end = cut(parts.join(''), most);
  return [
    end,
    ...leftOut.slice(0, MOST_LEFT_OUT).map((part) => withBeginning(cut(part, most / 2), end, most)),
  ];
}

/** @returns as much of the end as there is room for behind the beginning */
function withBeginning(beginning: string, end: string, most: number): string {
  const parts = end.split(/(?<=[/.])/);
  while (parts.length > 1 && beginning.length + 1 + parts.join('').length > most) parts.shift();
  return `${beginning}/${cut(parts.join(''), most - beginning.length - 1)}`;
}

/** @returns the name of the header field that the route asks for, '' if it asks for none. Its value may be a secret. */
function headerName({ branch: { header } }: NamedRoute): string {
  const [field] = header?.value instanceof YamlMap ? header.value.entries : [];
  return field === undefined ? '' : plain(field.key);
}

/** @returns letters, digits, dots, `_` and `-`, and no dot or `-` at the ends */
function plain(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replaceAll(/^[.-]+|[.-]+$/g, '');
}

function cut(text: string, most: number): string {
  return text.slice(0, most).replaceAll(/^[./-]+|[./-]+$/g, '');
}

function withEnding(name: string, ending: string): string {
  const end = cut(ending, LONGEST_ENDING);
  return `${cut(name, LONGEST - end.length - 1)}-${end}`;
}

function isAddress(host: string): boolean {
  return /^[0-9.]+$/.test(host) || host.includes(':');
}
