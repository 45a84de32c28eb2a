// Warns of keys that are valid and do not do what was probably meant: keys that need several endpoints where there is one, and times
// of which one can never be reached because of another. The checks read the unvalidated document.

import { isIP } from 'node:net';
import type { ConfigPath } from './config-path.ts';
import type { Finding } from './problem.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';
import { parseDuration } from './units.ts';

export function findVainKeys(document: unknown): readonly Finding[] {
  const root = mapOf(document);
  const upstreams = [...mapOf(root.get('upstreams'))].flatMap(([name, upstream]) =>
    checkUpstream(['upstreams', name], mapOf(upstream)),
  );
  const routes = listOf(root.get('routes')).flatMap((route, index) =>
    checkRoute(['routes', index], mapOf(route)),
  );
  return [...upstreams, ...routes];
}

function checkUpstream(path: ConfigPath, upstream: RawMap): readonly Finding[] {
  const endpoints = listOf(upstream.get('endpoints')).map(addressOf);
  const [only] = endpoints;
  const forSeveral = keysForSeveral(upstream);
  const findings: Finding[] = [];
  if (endpoints.length === 1 && only !== undefined) {
    const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(only) ?? [];
    const isName =
      host !== undefined && !only.startsWith('unix:') && isIP(host) === 0 && host !== 'localhost';
    const hint = isName
      ? `one name is one endpoint, whatever DNS says of it; write dns: { name: ${host}, port: ${port} } in place of endpoints to follow all its addresses`
      : 'list the other endpoints, or remove it';
    // A kind of balancing may wait for endpoints to come; with a name its author expects several already.
    for (const key of forSeveral.filter(([first]) => isName || first !== 'balance'))
      findings.push(warning([...path, ...key], 'has no effect with one endpoint', hint));
  }
  const health = mapOf(upstream.get('health'));
  if (isLonger(health, 'timeout', health, 'interval')) {
    const hint =
      'the next check waits for the one before, so an endpoint that hangs is noticed late; write a shorter timeout';
    findings.push(warning([...path, 'health', 'timeout'], 'is longer than interval', hint));
  }
  return findings;
}

/** @returns the paths of the keys that choose among endpoints */
function keysForSeveral(upstream: RawMap): readonly ConfigPath[] {
  const balance = upstream.get('balance');
  const streams = mapOf(upstream.get('streams'));
  return [
    ...(balance === undefined ? [] : [['balance']]),
    ...(upstream.has('outliers') ? [['outliers']] : []),
    ...(upstream.has('weights') ? [['weights']] : []),
    ...((streams.get('rebalance') ?? 'off') === 'off' ? [] : [['streams', 'rebalance']]),
    ...((upstream.get('slowStart') ?? 'off') === 'off' ? [] : [['slowStart']]),
  ];
}

function addressOf(endpoint: unknown): string | undefined {
  return textOf(endpoint) ?? textOf(mapOf(endpoint).get('address'));
}

function checkRoute(path: ConfigPath, route: RawMap): readonly Finding[] {
  const retry = mapOf(route.get('retry'));
  const timeouts = mapOf(route.get('timeouts'));
  const findings: Finding[] = [...besideAnswer(path, route)];
  if (isLonger(retry, 'backoff', retry, 'maxBackoff'))
    findings.push(
      warning(
        [...path, 'retry', 'backoff'],
        'is longer than maxBackoff, which counts',
        'write maxBackoff as long, or longer',
      ),
    );
  for (const key of ['deadline', 'maxDeadline']) {
    if (isLonger(retry, 'perTry', timeouts, key))
      findings.push(
        warning(
          [...path, 'retry', 'perTry'],
          `is longer than timeouts.${key}, which ends the call before`,
          'write a shorter one',
        ),
      );
  }
  if (isLonger(timeouts, 'deadline', timeouts, 'maxDeadline'))
    findings.push(
      warning(
        [...path, 'timeouts', 'deadline'],
        'is longer than maxDeadline, which counts',
        'write a shorter one',
      ),
    );
  return findings;
}

/** Keys about what services get, on routes that Framegate answers itself. */
const FOR_SERVICES = ['stripPrefix', 'authority', 'timeouts', 'retry', 'hedge', 'trace'];

function besideAnswer(path: ConfigPath, route: RawMap): readonly Finding[] {
  const answer = ['respond', 'redirect'].find((key) => route.has(key));
  if (answer === undefined) return [];
  const hint = 'remove it; no call of this route reaches a service';
  const effect = `has no effect beside ${answer}`;
  const vain = FOR_SERVICES.filter((key) => route.has(key)).map((key) => [...path, key]);
  if (mapOf(route.get('headers')).has('request')) vain.push([...path, 'headers', 'request']);
  return vain.map((place) => warning(place, effect, hint));
}

/** Whether the first key is a longer duration than the second; false if one of the two is absent, off or no duration. */
function isLonger(one: RawMap, oneKey: string, other: RawMap, otherKey: string): boolean {
  const [oneMs, otherMs] = [textOf(one.get(oneKey)), textOf(other.get(otherKey))].map((text) =>
    text === undefined ? undefined : parseDuration(text),
  );
  return oneMs !== undefined && otherMs !== undefined && oneMs > otherMs;
}

function warning(path: ConfigPath, message: string, hint: string): Finding {
  return { severity: 'warning', path, at: 'value', message, hint };
}
