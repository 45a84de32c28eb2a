// Translates the settings of nginx's locations about how long calls may take and when they are sent again into `timeouts` and `retry` of a route.

import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { clamp, formatDuration, parseCount, parseTime } from './nginx-values.ts';
import type { Scope } from './scope.ts';
import { type YamlEntry, YamlMap, YamlWords } from './yaml-text.ts';

/** nginx's own limit of silence. Whoever writes more wants to be rid of it; whoever writes less wants silent calls to end. */
const USUAL_SILENCE_MS = 60_000;
const LEAST_IDLE_MS = 100;
const MOST_IDLE_MS = 720 * 3_600_000;

const GONE =
  'left out: calls may be silent as long as they like. routes[].timeouts.idle is for those that must not, and a deadline of the client is enforced anyway';

/** @param kind of the pass directive: `grpc` or `proxy` */
export function timeoutsOf(scope: Scope, kind: string, ledger: Ledger): readonly YamlEntry[] {
  const times = [`${kind}_read_timeout`, `${kind}_send_timeout`, 'client_body_timeout'].flatMap((name) => {
    const directive = scope.setting(name);
    const ms = parseTime(directive?.words[0] ?? '');
    return directive === undefined || ms === undefined ? [] : [{ directive, ms }];
  });
  for (const { directive, ms } of times)
    if (ms >= USUAL_SILENCE_MS || ms === 0) ledger.change(directive, GONE);
  const [shortest] = times
    .filter(({ ms }) => ms > 0 && ms < USUAL_SILENCE_MS)
    .toSorted((one, other) => one.ms - other.ms);
  if (shortest === undefined) return [];
  for (const { directive, ms } of times) {
    if (ms > 0 && ms < USUAL_SILENCE_MS) {
      ledger.change(
        directive,
        'timeouts.idle, which ends a call of which either direction is silent for so long; the shortest such time counts',
      );
    }
  }
  const idle = formatDuration(clamp(shortest.ms, LEAST_IDLE_MS, MOST_IDLE_MS));
  return [{ key: 'timeouts', value: new YamlMap([{ key: 'idle', value: idle, from: shortest.directive }]) }];
}

/** What nginx calls failures, as the gRPC statuses that they become. */
const STATUSES: Readonly<Record<string, string>> = {
  error: 'UNAVAILABLE',
  timeout: 'UNAVAILABLE',
  invalid_header: 'INTERNAL',
  http_500: 'UNKNOWN',
  http_502: 'UNAVAILABLE',
  http_503: 'UNAVAILABLE',
  http_504: 'UNAVAILABLE',
  http_403: 'PERMISSION_DENIED',
  http_404: 'UNIMPLEMENTED',
  http_429: 'UNAVAILABLE',
};

const MOST_ATTEMPTS = 5;
const USUAL_ATTEMPTS = 3;

const UNPROCESSED =
  'nothing to set: a call that no service has processed is sent again by itself, and no other, as in nginx without non_idempotent';

/** @param servers how many the upstream has */
export function retryOf(scope: Scope, kind: string, servers: number, ledger: Ledger): readonly YamlEntry[] {
  const directive = scope.setting(`${kind}_next_upstream`);
  const tries = scope.setting(`${kind}_next_upstream_tries`);
  const limit = scope.setting(`${kind}_next_upstream_timeout`);
  if (limit !== undefined) ledger.change(limit, 'left out: the deadline of a call bounds its attempts too');
  const attempts = parseCount(tries?.words[0]);
  if (tries !== undefined && directive === undefined) ledger.change(tries, UNPROCESSED);
  if (directive === undefined) return [];
  const { words } = directive;
  if (kind === 'proxy' || words.includes('off') || !words.includes('non_idempotent') || attempts === 1) {
    const why = words.includes('off')
      ? 'a call that no service has processed is sent again by itself all the same, which does no harm'
      : UNPROCESSED;
    ledger.change(
      directive,
      kind === 'proxy'
        ? 'nothing to set: a request whose connection could not be made goes to the next server'
        : why,
    );
    if (tries !== undefined) ledger.change(tries, why);
    return [];
  }
  const on = [...new Set(words.flatMap((word) => STATUSES[word] ?? []))];
  const wanted = attempts === undefined || attempts === 0 ? Math.max(servers, USUAL_ATTEMPTS) : attempts;
  if (tries !== undefined) {
    if (wanted > MOST_ATTEMPTS) ledger.change(tries, `attempts go up to ${MOST_ATTEMPTS}`);
    else ledger.carry(tries, 'retry.attempts');
  }
  ledger.change(
    directive,
    'retry, which goes by gRPC statuses, those in trailers too, waits a little longer before each attempt, and never repeats a call whose client has a part of the response',
  );
  const value = new YamlMap([
    { key: 'attempts', value: clamp(wanted, 2, MOST_ATTEMPTS), from: tries },
    { key: 'on', value: new YamlWords(on.length === 0 ? ['UNAVAILABLE'] : on) },
    perTry(scope, kind, words, ledger),
  ]);
  return [{ key: 'retry', value, from: directive }];
}

function perTry(scope: Scope, kind: string, words: readonly string[], ledger: Ledger): YamlEntry | undefined {
  const directive: Directive | undefined = scope.setting(`${kind}_read_timeout`);
  const ms = parseTime(directive?.words[0] ?? '');
  if (
    directive === undefined ||
    ms === undefined ||
    ms === 0 ||
    ms >= USUAL_SILENCE_MS ||
    !words.includes('timeout')
  )
    return undefined;
  ledger.change(directive, 'retry.perTry as well, as next_upstream has timeout');
  return { key: 'perTry', value: formatDuration(ms), from: directive };
}
