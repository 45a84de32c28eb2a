// The `retry` of a route: sends gRPC calls again by the status of their response, as gRPC proposal A6 has it.

import type { Policy } from '../calls/policy.ts';
import type { AttemptEnd, RetryPolicy } from '../calls/retry-policy.ts';
import type { RetryConfig, RouteConfig } from '../config/route-config.ts';
import { pushbackMs } from '../grpc/pushback.ts';

/** How much of a request is kept for its next attempt. All calls share ReplayBuffer, which forgets what is old. */
const REPLAY_BYTES = 64 * 1024;
/** A6: each pause is up to 20 % shorter or longer, so that calls that failed together do not return together. */
const JITTER = 0.2;

export class ConfiguredRetries implements RetryPolicy {
  readonly replayBytes = REPLAY_BYTES;
  readonly perTryMs: number | undefined;
  readonly holdMs: number;
  readonly mostRetries: number;
  readonly #config: RetryConfig;
  readonly #statuses: ReadonlySet<string>;
  readonly #random: () => number;

  constructor(config: RetryConfig, random: () => number = Math.random) {
    this.#config = config;
    this.#statuses = new Set(config.on);
    this.#random = random;
    this.perTryMs = config.perTryMs;
    this.holdMs = config.holdMs;
    this.mostRetries = config.attempts - 1;
  }

  verdict({ grpcStatus, pushback }: AttemptEnd, retries: number): number {
    if (retries >= this.mostRetries || !this.#statuses.has(grpcStatus)) return -1;
    return pushback === undefined ? this.#backoffMs(retries) : pushbackMs(pushback);
  }

  #backoffMs(retries: number): number {
    const { backoffMs, maxBackoffMs } = this.#config;
    const factor = 1 + JITTER * (2 * this.#random() - 1);
    return Math.min(backoffMs * 2 ** retries, maxBackoffMs) * factor;
  }
}

/** @returns undefined if the route has no `retry` */
export function retryPolicy(route: RouteConfig | undefined): Policy | undefined {
  if (route?.retry === undefined) return undefined;
  // AttemptSeries adds the attempts of the client to those that it has made itself.
  const adds = ['grpc-previous-rpc-attempts'];
  return { key: 'retry', adds, retry: new ConfiguredRetries(route.retry) };
}
