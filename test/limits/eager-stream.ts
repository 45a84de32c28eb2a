// A stream that always has more to send than a limit lets pass, and the limit as a route has it.

import assert from 'node:assert/strict';
import type { Failure } from '../../src/calls/failure.ts';
import type { FlowRateLimit } from '../../src/calls/flow-limits.ts';
import type { AdmittedCall } from '../../src/calls/policy.ts';
import type { RateLimitConfig } from '../../src/config/limits-config.ts';
import type { Quotas } from '../../src/limits/quotas.ts';
import { flowLimitsPolicy } from '../../src/policies/limits/flow-limits-policy.ts';
import { PacedTokens, type TokenOwner } from '../../src/relay/gate-tokens.ts';
import { PacedTime } from '../../src/relay/paced-time.ts';
import type { TokenLines } from '../../src/relay/token-lines.ts';
import { routeConfig } from '../support/route-config.ts';
import { standIn } from '../support/stand-in.ts';

/** @returns what the policy says of a call under one limit `by: [route]` */
export function rateOf(limit: RateLimitConfig, quotas: Quotas): FlowRateLimit {
  const call = standIn<AdmittedCall>({ isGrpc: true, header: () => undefined });
  const limits = flowLimitsPolicy(routeConfig({ limits: [limit] }), { quotas })?.limitFlow?.(call);
  const [rate] = limits?.request.rates ?? [];
  assert.ok(rate !== undefined);
  return rate;
}

/** So many pass in one turn of the event loop where nothing holds them. */
const MOST_IN_A_TURN = 5000;

export class EagerStream implements TokenOwner {
  /** Tokens that have passed. */
  passed = 0;
  ended: Failure | undefined = undefined;
  readonly #rate: FlowRateLimit;
  readonly #tokens: PacedTokens;

  constructor(rate: FlowRateLimit, lines: TokenLines) {
    this.#rate = rate;
    this.#tokens = new PacedTokens(rate, lines, this, {
      time: new PacedTime(),
      onLost: (cause) => {
        this.ended = cause;
      },
    });
  }

  get isHeld(): boolean {
    return this.#tokens.isHeld;
  }

  /** Sends until it is held. */
  send(): void {
    const size = this.#rate.counts === 'messages' ? 1 : this.#rate.sliceBytes;
    const most = this.passed + MOST_IN_A_TURN * size;
    while (this.ended === undefined && this.passed < most) {
      const got = this.#tokens.take(size);
      if (got === 0) return;
      this.passed += got;
    }
  }

  granted(): void {
    this.send();
  }

  fault(error: unknown): void {
    throw error;
  }

  close(): void {
    this.#tokens.close();
  }
}
