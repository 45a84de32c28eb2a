// The `limits` of a route that count messages and bytes inside of calls, or bound their size. The policy says for each call which limits
// apply to it, with which keys; the relay keeps to them.

import type { Failure } from '../../calls/failure.ts';
import {
  type DirectionLimits,
  type FlowDryRun,
  type FlowLimits,
  type FlowRateLimit,
  type SizeLimit,
  UNLIMITED,
} from '../../calls/flow-limits.ts';
import type { AdmittedCall, Policy, Questioner } from '../../calls/policy.ts';
import type {
  BodySizeConfig,
  LimitDirection,
  MessageSizeConfig,
  RouteLimitConfig,
} from '../../config/limits-config.ts';
import type { RouteConfig } from '../../config/route-config.ts';
import { compileKey, isOfClients } from '../../limits/limit-key.ts';
import type { FlowQuotaSource } from '../../limits/quotas.ts';
import { type RateLimit, rateLimitsOf } from '../../limits/rate-limits.ts';
import { dryRunOf, once, type TellDryRun } from './dry-run.ts';
import { bodyTooLarge, flowLimitExceeded, flowLimitText, messageTooLarge } from './flow-limit-failures.ts';
import { storeUnavailable } from './limit-failures.ts';
import { type TriedSizes, triedSizesOf } from './tried-sizes.ts';

/** Bytes are paced in slices of this time, so that they come evenly and in few frames. */
const SLICE_MS = 20;
const SMALLEST_SLICE_BYTES = 512;
const LARGEST_SLICE_BYTES = 16_384;

type Way = 'request' | 'response';

/** A limit of messages or bytes, compiled. */
interface FlowLimit {
  readonly direction: LimitDirection;
  /** @returns the limit of one call; undefined if it does not count the call */
  of(call: AdmittedCall): FlowRateLimit | undefined;
}

export class FlowLimitsPolicy implements Policy {
  readonly key = 'limits';
  readonly isForGrpcAlone: boolean;
  readonly #limits: readonly FlowLimit[];
  /** Undefined if no size is only tried. */
  readonly #tried: TriedSizes | undefined;
  /** The limits of sizes alone, which are the same for all calls. Undefined if none concerns gRPC calls, or other calls. */
  readonly #messages: FlowLimits | undefined;
  readonly #bodies: FlowLimits | undefined;
  readonly #bodySize: SizeLimit | undefined;
  /** Undefined where it would never refuse. */
  readonly ask?: NonNullable<Policy['ask']>;

  constructor(route: RouteConfig, quotas: FlowQuotaSource) {
    this.#limits = countedInStreams(route).map((counted) => compile(counted, quotas));
    const { limits = [], name } = route;
    this.#tried = triedSizesOf(route, quotas);
    const held = limits.filter(({ dryRun }) => dryRun !== true);
    const bodies = held.filter((limit) => limit.kind === 'bodySize');
    const messages = held.filter((limit) => limit.kind === 'messageSize');
    this.#bodySize = bodySizeOf(bodies, name);
    // A route with bodySize says that it is for other requests as well.
    this.isForGrpcAlone = bodies.length === 0 && held.some(countsMessages);
    if (bodies.length > 0) this.ask = (call, questioner) => this.#judge(call, questioner);
    this.#messages =
      messages.length === 0
        ? undefined
        : {
            request: withSize(messageSizeOf(messages, 'request', name)),
            response: withSize(messageSizeOf(messages, 'response', name)),
          };
    this.#bodies =
      this.#bodySize === undefined
        ? undefined
        : { request: { ...UNLIMITED, bodySize: this.#bodySize }, response: UNLIMITED };
  }

  /**
   * A request that says beforehand that it is too large is refused before a service hears of it, and after `access` has found out who
   * calls: others learn nothing of limits.
   */
  #judge(call: AdmittedCall, questioner: Questioner): undefined {
    const sizeBytes = call.isGrpc ? 0 : Number(call.header('content-length') ?? 0);
    if (this.#bodySize === undefined || !(sizeBytes > this.#bodySize.mostBytes)) questioner.admit();
    else questioner.refuse(this.#bodySize.exceeded(sizeBytes));
  }

  limitFlow(call: AdmittedCall): FlowLimits | undefined {
    const sizes = this.#sizesOf(call);
    if (this.#limits.length === 0) return sizes;
    const request: FlowRateLimit[] = [];
    const response: FlowRateLimit[] = [];
    for (const limit of this.#limits) {
      const rate = limit.of(call);
      if (rate === undefined) continue;
      if (applies(limit.direction, 'request')) request.push(rate);
      if (applies(limit.direction, 'response')) response.push(rate);
    }
    if (request.length === 0 && response.length === 0) return sizes;
    return {
      request: withRates(sizes?.request ?? UNLIMITED, request),
      response: withRates(sizes?.response ?? UNLIMITED, response),
    };
  }

  #sizesOf(call: AdmittedCall): FlowLimits | undefined {
    const sizes = call.isGrpc ? this.#messages : this.#bodies;
    return this.#tried === undefined ? sizes : this.#tried.besides(sizes, call);
  }
}

function countsMessages(limit: RouteLimitConfig): boolean {
  return limit.kind === 'messageSize' || (limit.kind === 'rate' && limit.count === 'messages');
}

function withSize(messageSize: SizeLimit | undefined): DirectionLimits {
  return messageSize === undefined ? UNLIMITED : { ...UNLIMITED, messageSize };
}

function withRates(limits: DirectionLimits, rates: readonly FlowRateLimit[]): DirectionLimits {
  return rates.length === 0 ? limits : { ...limits, rates };
}

function compile(counted: RateLimit, quotas: FlowQuotaSource): FlowLimit {
  const { limit, allowance, index, route } = counted;
  const { count, by, exceed, direction } = limit;
  const sliceBytes = Math.max(SMALLEST_SLICE_BYTES, allowance.perMs * SLICE_MS);
  const exceeded = (waitMs: number, wanted: number): Failure => {
    quotas.refused(counted);
    return flowLimitExceeded(counted, waitMs, wanted);
  };
  const common = {
    counts: count === 'messages' ? 'messages' : 'bytes',
    sliceBytes: Math.floor(Math.min(sliceBytes, LARGEST_SLICE_BYTES, allowance.burst)),
    text: flowLimitText(counted),
    exceeded: exceed === 'end' ? exceeded : undefined,
    onPaced: exceed === 'end' ? undefined : quotas.pacedBy(counted),
  } as const;
  const tellDryRun = dryRunOf(limit, index, route, quotas);
  const ends = exceed === 'end';
  if (by.some(({ kind }) => kind === 'stream')) {
    const alone = { ...common, key: '', client: undefined };
    return {
      direction,
      of: (call) => ({
        ...alone,
        ...(tellDryRun && dryRunFor(tellDryRun, ends, call)),
        tokens: quotas.streamTokens(counted),
      }),
    };
  }
  const lost = (store: string | undefined): Failure | undefined => {
    if (store === undefined) return undefined;
    quotas.refused(counted);
    return storeUnavailable(counted, store);
  };
  const tokens = quotas.quotaOf(counted);
  const keyOf = compileKey(by);
  const client = isOfClients(by)
    ? (call: AdmittedCall) => call.subject.clientKey
    : (): undefined => undefined;
  const of = (call: AdmittedCall): FlowRateLimit | undefined => {
    const key = keyOf(call);
    if (key === undefined) return undefined;
    const limited = { ...common, tokens, key, client: client(call) };
    if (tellDryRun !== undefined) return { ...limited, ...dryRunFor(tellDryRun, ends, call) };
    if (limit.store === undefined) return limited;
    if (exceed !== 'end') return { ...limited, outOfReach: () => lost(tokens.goneStore?.(key)) };
    const ended = (waitMs: number, wanted: number): Failure =>
      lost(tokens.closedBy?.(key)) ?? exceeded(waitMs, wanted);
    return { ...limited, exceeded: ended };
  };
  return { direction, of };
}

/** A function of its own, since only calls under a limit that is tried should pay for what it captures. */
function dryRunFor(
  tellDryRun: TellDryRun,
  ends: boolean,
  call: AdmittedCall,
): { readonly dryRun: FlowDryRun } {
  return { dryRun: { ends, tell: once(() => tellDryRun(call)) } };
}

function countedInStreams(route: RouteConfig): readonly RateLimit[] {
  return rateLimitsOf(route).filter(({ limit }) => limit.count !== 'calls');
}

/** The smallest of several. */
function messageSizeOf(limits: readonly MessageSizeConfig[], way: Way, route: string): SizeLimit | undefined {
  const sizes = limits.filter(({ direction }) => applies(direction, way)).map(({ bytes }) => bytes);
  if (sizes.length === 0) return undefined;
  const mostBytes = Math.min(...sizes);
  return { mostBytes, exceeded: (sizeBytes) => messageTooLarge(sizeBytes, mostBytes, route) };
}

function bodySizeOf(limits: readonly BodySizeConfig[], route: string): SizeLimit | undefined {
  if (limits.length === 0) return undefined;
  const mostBytes = Math.min(...limits.map(({ bytes }) => bytes));
  return { mostBytes, exceeded: (sizeBytes) => bodyTooLarge(sizeBytes, mostBytes, route) };
}

function applies(direction: LimitDirection, way: Way): boolean {
  return direction === 'both' || direction === way;
}

/** @returns undefined if no limit of the route is about what is inside of calls */
export function flowLimitsPolicy(
  route: RouteConfig | undefined,
  { quotas }: { readonly quotas: FlowQuotaSource },
): Policy | undefined {
  const isLimited =
    route?.limits?.some(
      (limit) =>
        limit.kind === 'messageSize' ||
        limit.kind === 'bodySize' ||
        (limit.kind === 'rate' && limit.count !== 'calls'),
    ) === true;
  return route === undefined || !isLimited ? undefined : new FlowLimitsPolicy(route, quotas);
}
