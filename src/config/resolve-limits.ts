// Resolves the `limits` of a route.

import type { RouteLimitConfig } from './limits-config.ts';
import type { ValidRoute } from './schema.ts';

type ValidLimit = NonNullable<ValidRoute['limits']>[number];

/** Of a question to a rate limit service. */
const DEFAULT_TIMEOUT_MS = 100;

export function resolveLimits(limits: readonly ValidLimit[]): readonly RouteLimitConfig[] {
  return limits.map((given) => ({ ...resolveLimit(given), ...(given.dryRun === true && { dryRun: true }) }));
}

function resolveLimit(given: ValidLimit): RouteLimitConfig {
  const { count, rate, messageSize, service, direction = 'request' } = given;
  if (messageSize !== undefined) return { kind: 'messageSize', direction, bytes: messageSize };
  if (given.bodySize !== undefined) return { kind: 'bodySize', bytes: given.bodySize };
  if (service !== undefined) {
    const { domain = '', descriptors = [], timeout = DEFAULT_TIMEOUT_MS, failure = 'open' } = given;
    return {
      kind: 'service',
      service,
      domain,
      descriptors: descriptors.map((one) => new Map(Object.entries(one))),
      timeoutMs: timeout,
      failure,
    };
  }
  if (count === undefined || rate === undefined) throw new Error('the schema asks for both');
  return {
    kind: 'rate',
    count,
    direction: count === 'calls' ? 'both' : direction,
    rate: { count: rate.count, periodMs: rate.periodMs },
    burst: given.burst ?? rate.count,
    by: given.by ?? [{ kind: 'route' }],
    exceed: given.exceed ?? (count === 'calls' ? 'refuse' : 'slow'),
    ...(given.store === undefined ? {} : { store: given.store }),
  };
}
