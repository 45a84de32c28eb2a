// Warns of routes that inject faults, since a configuration for a test must not reach production unnoticed. The check reads the
// unvalidated document.

import type { ConfigPath } from './config-path.ts';
import type { Finding } from './problem.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';
import { parsePercentageBetween } from './units.ts';

/** What to do about parts of a fault that inject nothing. */
export const REMOVE_DELAY = 'remove delay, or fault if it has nothing else';
export const REMOVE_FAULT = 'remove fault, or write a percentage above 0%';

export function findFaults(document: unknown): readonly Finding[] {
  const root = mapOf(document);
  const routes = listOf(root.get('routes')).map(mapOf);
  return routes.flatMap((route, index) => {
    if (!route.has('fault')) return [];
    const path = ['routes', index, 'fault'];
    const fault = mapOf(route.get('fault'));
    const share = parsePercentageBetween(textOf(fault.get('percent')) ?? '100%', 0, 100);
    if (share === 0) return [injectingNothing([...path, 'percent'])];
    const injecting: Finding = {
      severity: 'warning',
      path,
      at: 'key',
      message: 'injects faults into the calls of this route',
      hint: 'remove it where no test runs',
    };
    if (!fault.has('header') || trustsSomebody(root)) return [injecting];
    const vain: Finding = {
      severity: 'warning',
      path: [...path, 'header'],
      at: 'value',
      message: 'has no effect: no listener has trustedClients, and faults are injected for these only',
      hint: 'add trustedClients to the listener of the test',
    };
    return [injecting, vain];
  });
}

function injectingNothing(path: ConfigPath): Finding {
  const message = 'is a share of no calls, so the fault is never injected';
  return { severity: 'warning', path, at: 'value', message, hint: REMOVE_FAULT };
}

function trustsSomebody(root: RawMap): boolean {
  return listOf(root.get('listeners')).some(
    (listener) => listOf(mapOf(listener).get('trustedClients')).length > 0,
  );
}
