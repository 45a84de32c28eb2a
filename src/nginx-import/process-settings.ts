// Settings of the whole process: workers, limits on clients, how it stops, the log. nginx may have them in each server; Framegate has
// each of them once, so the most generous value is used.

import { callsWithSettingOn, holdsForAllCalls } from './calls-under-setting.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { logSettingsOf } from './log-settings.ts';
import { clamp, formatDuration, greatest, parseBytes, parseCount, parseTime } from './nginx-values.ts';
import type { Scope } from './scope.ts';
import { type YamlEntry, YamlMap } from './yaml-text.ts';

const USUAL_HEADER_BYTES = 16_384;
/** nginx's own number of concurrent streams. */
const USUAL_STREAMS = 128;

export interface ProcessSettings {
  /** `workers`, where it is given. */
  readonly first: readonly YamlEntry[];
  /** `limits`, `drain` and `log`, those that are given. */
  readonly last: readonly YamlEntry[];
}

export function processSettingsOf(
  directives: readonly Directive[],
  http: Scope,
  ledger: Ledger,
): ProcessSettings {
  const named = namedOf(directives);
  const bound = (name: string, usual: number): Bound => ({
    directives: named(name),
    elsewhere: holdsForAllCalls(name, http) ? 0 : usual,
  });
  const limits = [
    ...perAddress(named, http, ledger),
    ...longest(bound('keepalive_time', 3_600_000), 'connectionAge', [1000, 720 * 3_600_000], ledger),
    ...streams(bound('http2_max_concurrent_streams', USUAL_STREAMS), ledger),
    ...headerSize(named('large_client_header_buffers'), ledger),
    ...longest(bound('client_header_timeout', 60_000), 'headerTimeout', [1000, 600_000], ledger),
  ];
  const stop = { directives: named('worker_shutdown_timeout'), elsewhere: 0 };
  const drain = longest(stop, 'timeout', [0, 86_400_000], ledger);
  const logs = { access: named('access_log'), errors: named('error_log') };
  return {
    first: workers(named('worker_processes'), ledger),
    last: [...section('limits', limits), ...section('drain', drain), ...logSettingsOf(logs, http, ledger)],
  };
}

interface Bound {
  readonly directives: readonly Directive[];
  /** What nginx has by itself for the calls of other blocks, in milliseconds if it is a time. 0 if there are none. */
  readonly elsewhere: number;
}

type Named = (name: string) => readonly Directive[];

/** All of a name, whatever block they are in, but those towards services. */
function namedOf(directives: readonly Directive[]): Named {
  const outside = directives.flatMap(function withoutUpstreams(directive): readonly Directive[] {
    if (/^(upstream|stream|mail)$/.test(directive.name)) return [];
    return [directive, ...(directive.block ?? []).flatMap(withoutUpstreams)];
  });
  const byName = Map.groupBy(outside, ({ name }) => name);
  return (name) => byName.get(name) ?? [];
}

function section(key: string, entries: readonly YamlEntry[]): readonly YamlEntry[] {
  return entries.length === 0 ? [] : [{ key, value: new YamlMap(entries) }];
}

function workers([directive]: readonly Directive[], ledger: Ledger): readonly YamlEntry[] {
  const [text] = directive?.words ?? [];
  const count = parseCount(text);
  if (directive === undefined || (text !== 'auto' && (count === undefined || count === 0))) return [];
  ledger.carry(directive);
  return [{ key: 'workers', value: count === undefined ? 'auto' : clamp(count, 1, 256), from: directive }];
}

function longest(
  { directives, elsewhere }: Bound,
  key: string,
  [least, most]: readonly [number, number],
  ledger: Ledger,
): readonly YamlEntry[] {
  const times = directives.flatMap((directive) => {
    const ms = parseTime(directive.words[0] ?? '');
    return ms === undefined ? [] : [{ directive, ms }];
  });
  const [first] = times.toSorted((one, other) => other.ms - one.ms);
  if (first === undefined) return [];
  const bounds = { directives: times.map(({ directive }) => directive), elsewhere };
  const values = times.map(({ ms }) => ms);
  if (!isGreatest(bounds, values, ledger)) return [];
  return [{ key, value: formatDuration(clamp(first.ms, least, most)), from: first.directive }];
}

/** There is one bound for the process, and it may stop no call that nginx lets through. @returns whether it is one of those written */
function isGreatest({ directives, elsewhere }: Bound, values: readonly number[], ledger: Ledger): boolean {
  const most = greatest([...values, elsewhere]);
  const areAlike = values.every((value) => value === most) && (elsewhere === 0 || elsewhere === most);
  for (const directive of directives) {
    if (areAlike) ledger.carry(directive);
    else if (values.includes(most))
      ledger.change(directive, 'there is one such limit for all listeners: the greatest counts');
    else
      ledger.change(
        directive,
        'left out: there is one such limit for all listeners, and calls elsewhere have a greater one in nginx',
      );
  }
  return values.includes(most);
}

function streams({ directives, elsewhere }: Bound, ledger: Ledger): readonly YamlEntry[] {
  const counts = directives.map(({ words }) => parseCount(words[0]) ?? USUAL_STREAMS);
  if (directives.length === 0 || !isGreatest({ directives, elsewhere }, counts, ledger)) return [];
  const most = greatest(counts);
  const from = directives[counts.indexOf(most)];
  return [{ key: 'concurrentStreams', value: clamp(most, 1, 1_000_000), from }];
}

function headerSize(directives: readonly Directive[], ledger: Ledger): readonly YamlEntry[] {
  const sizes = directives.map(
    ({ words: [count, size = ''] }) => (parseCount(count) ?? 4) * (parseBytes(size) ?? 8192),
  );
  const most = greatest(sizes);
  for (const directive of directives) {
    ledger.change(
      directive,
      'limits.headerListSize is the size of all header fields of a request; it stays at 16 KiB or is raised',
    );
  }
  if (most <= USUAL_HEADER_BYTES) return [];
  const kibibytes = clamp(Math.ceil(most / 1024), 8, 1024);
  return [{ key: 'headerListSize', value: `${kibibytes}KiB`, from: directives[sizes.indexOf(most)] }];
}

/** limit_conn by the address of the client is limits.connectionsPerAddress, if all say the same and it holds wherever calls go. */
function perAddress(named: Named, http: Scope, ledger: Ledger): readonly YamlEntry[] {
  const limits = named('limit_conn');
  const zones = named('limit_conn_zone');
  const byAddress = new Set(
    zones
      .filter(({ words }) => /^\$(binary_)?remote_addr$/.test(words[0] ?? ''))
      .map(({ words }) => /^zone=([^:]+)/.exec(words[1] ?? '')?.[1]),
  );
  const tried = callsWithSettingOn('limit_conn_dry_run', http);
  if (tried === 'all') {
    for (const directive of [...limits, ...zones])
      ledger.carry(directive, 'no connection is refused, as in nginx with limit_conn_dry_run');
    return [];
  }
  const counts = new Set(limits.map(({ words }) => words[1]));
  const areSame = counts.size === 1 && limits.every(({ words }) => byAddress.has(words[0]));
  const count = parseCount(limits[0]?.words[1]);
  if (!areSame || count === undefined || count === 0) return [];
  if (tried === 'some' || !holdsForAllCalls('limit_conn', http)) {
    for (const limit of limits) {
      ledger.refuseAccess(
        limit,
        'holds for some locations alone: limits.connectionsPerAddress would count the connections of all clients',
      );
    }
    return [];
  }
  const note =
    'limits.connectionsPerAddress counts connections of all listeners together; how many calls each may have is limits.concurrentStreams';
  for (const directive of [
    ...limits,
    ...zones.filter(({ words }) => byAddress.has(/^zone=([^:]+)/.exec(words[1] ?? '')?.[1])),
  ]) {
    ledger.change(directive, note);
  }
  return [{ key: 'connectionsPerAddress', value: clamp(count, 1, 1_000_000), from: limits[0] }];
}
