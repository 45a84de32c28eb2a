// `limits` of the routes, from limit_req. A zone of nginx has one count for all places that use it; here each route has its own.

import type { ClientAddresses } from './client-addresses.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { clamp, parseCount } from './nginx-values.ts';
import type { Scope } from './scope.ts';
import { type YamlEntry, type YamlItem, YamlMap, YamlWords } from './yaml-text.ts';

export interface LocationLimits {
  readonly items: readonly YamlItem[];
  /** The directives that it says. */
  readonly said: ReadonlySet<Directive>;
}

interface Zone {
  readonly directive: Directive;
  /** As in `rate`. Undefined if it cannot be said. */
  readonly rate: string | undefined;
  /** What calls are counted by; undefined if it cannot be said. */
  readonly by: readonly string[] | undefined;
  /** The location that was the first to use it. */
  user: Scope | undefined;
}

const CLIENT = 'client';
/** The parts of a key that a route can have. */
const MOST_PARTS = 4;
const MOST_BURST = 1_000_000_000;

export class CallLimits {
  readonly #zones: ReadonlyMap<string, Zone>;
  readonly #addresses: ClientAddresses;
  readonly #ledger: Ledger;

  constructor(http: Scope, addresses: ClientAddresses, ledger: Ledger) {
    this.#zones = new Map(
      http.own('limit_req_zone').map((directive) => [zoneNameOf(directive.words[1]), zoneOf(directive)]),
    );
    this.#addresses = addresses;
    this.#ledger = ledger;
  }

  /** @param scope a location whose calls go to a service. The limits that are said are judged, the others too. */
  of(scope: Scope): LocationLimits {
    const said = new Set<Directive>();
    const limits = scope.inherited('limit_req');
    const isTried = dryRunIn(scope) !== undefined;
    const items = limits.flatMap((limit): readonly YamlItem[] => {
      const value = this.#limitOf(limit, scope);
      // One that is only tried keeps nobody out.
      if (value !== undefined || isTried) said.add(limit);
      return value === undefined ? [] : [{ value }];
    });
    return { items, said };
  }

  #limitOf(limit: Directive, scope: Scope): YamlMap | undefined {
    const zone = this.#zones.get(zoneNameOf(limit.words.find((word) => word.startsWith('zone='))));
    const written = limit.words.find((word) => word.startsWith('burst='))?.slice(6);
    const burst = written === undefined ? 0 : parseCount(written);
    const why = this.#whyLost(zone, burst, scope);
    if (why !== undefined || zone?.rate === undefined || zone.by === undefined || burst === undefined) {
      if (dryRunIn(scope) !== undefined)
        this.#ledger.change(
          limit,
          `nothing is limited, as in nginx with limit_req_dry_run, nor tried: ${why}`,
        );
      else this.#ledger.refuseAccess(limit, `${why}. Write routes[].limits by hand (docs/rate-limits.md)`);
      return undefined;
    }
    this.#judge(limit, zone, scope);
    return new YamlMap([
      { key: 'count', value: 'calls' },
      { key: 'rate', value: zone.rate, from: zone.directive },
      // nginx counts from the call after the first.
      { key: 'burst', value: clamp(burst + 1, 1, MOST_BURST), from: limit },
      { key: 'by', value: new YamlWords(zone.by) },
      ...this.#dryRunOf(scope),
    ]);
  }

  #dryRunOf(scope: Scope): readonly YamlEntry[] {
    const directive = dryRunIn(scope);
    if (directive === undefined) return [];
    this.#ledger.carry(directive, 'dryRun of the limits');
    return [{ key: 'dryRun', value: true, from: directive }];
  }

  #whyLost(zone: Zone | undefined, burst: number | undefined, scope: Scope): string | undefined {
    if (zone === undefined) return 'nginx has no limit_req_zone of this name here';
    if (zone.rate === undefined || burst === undefined) return 'its rate or its burst cannot be read';
    if (zone.by === undefined)
      return 'calls are counted by the address of the client, by a header field, or by the route, and not by this key';
    return zone.by.includes(CLIENT) ? this.#addresses.whyOther(scope) : undefined;
  }

  #judge(limit: Directive, zone: Zone, scope: Scope): void {
    const isDelaying =
      limit.words.some((word) => word.startsWith('burst=')) && !limit.words.includes('nodelay');
    if (isDelaying)
      this.#ledger.change(
        limit,
        'limits: calls within the burst go on at once, as with nodelay, where nginx delays them',
      );
    else this.#ledger.carry(limit, 'limits');
    zone.user ??= scope;
    if (zone.user === scope) this.#ledger.carry(zone.directive, 'limits of the routes');
    else
      this.#ledger.change(
        zone.directive,
        'each route counts for itself, where nginx has one count for all places with this zone: all of them together let more calls pass',
      );
  }
}

/** @returns the directive by which the limits of this location are only tried */
function dryRunIn(scope: Scope): Directive | undefined {
  const directive = scope.setting('limit_req_dry_run');
  return directive?.words[0] === 'on' ? directive : undefined;
}

function zoneNameOf(word = ''): string {
  return /^zone=([^:]+)/.exec(word)?.[1] ?? '';
}

function zoneOf(directive: Directive): Zone {
  const [key = ''] = directive.words;
  const [, count, period] =
    directive.words.map((word) => /^rate=(\d{1,9})r\/([sm])$/.exec(word)).find((found) => found !== null) ??
    [];
  const isRate = count !== undefined && Number(count) > 0;
  return {
    directive,
    rate: isRate ? `${Number(count)}/${period}` : undefined,
    by: keyOf(key),
    user: undefined,
  };
}

/** @returns the parts of a key of variables, and of punctuation between them; undefined if a variable is another one */
function keyOf(key: string): readonly string[] | undefined {
  if (!/^(?:\$(?:\w+|\{\w+\})[-|:/ ]?)+$/.test(key)) return undefined;
  const variables = Array.from(key.matchAll(/\$\{?(\w+)\}?/g));
  const parts = variables.map(([, name]) => partOf(name));
  const known = [...new Set(parts)].filter((part) => part !== undefined);
  // Neither program counts calls whose key is empty. With punctuation, it never is.
  const isNeverEmpty = key !== variables.map(([variable]) => variable).join('');
  if (isNeverEmpty && known.every((part) => part.startsWith('header:'))) known.push('route');
  return parts.includes(undefined) || known.length > MOST_PARTS ? undefined : known;
}

function partOf(name: string): string | undefined {
  if (/^(binary_)?remote_addr$/.test(name)) return CLIENT;
  const header = /^http_(\w+)$/.exec(name)?.[1];
  if (header === undefined) return name === 'server_name' ? 'route' : undefined;
  return /^(host|te|via|forwarded|x_forwarded_.*|x_real_ip|x_request_id)$/.test(header)
    ? undefined
    : `header:${header.replaceAll('_', '-')}`;
}
