// The resolved form of the `limits` of routes, a part of the configuration.

import { sizeText } from './units.ts';

export type RouteLimitConfig = RateLimitConfig | MessageSizeConfig | BodySizeConfig | LimitServiceConfig;

/** What is counted: calls, or the messages or bytes (of messages) within them. */
export type CountedThing = 'calls' | 'messages' | 'bytes';

/** `request`: from the client to the service. */
export type LimitDirection = 'request' | 'response' | 'both';

interface TriedLimit {
  /** The limit is only tried: what is beyond it passes, and is told. */
  readonly dryRun?: true | undefined;
}

/** So many in a period, and a burst at once. */
export interface RateLimitConfig extends TriedLimit {
  readonly kind: 'rate';
  readonly count: CountedThing;
  /** `both` for calls. */
  readonly direction: LimitDirection;
  readonly rate: Rate;
  /** How many may come at once after a pause. At least 1. */
  readonly burst: number;
  /** What the count is kept for, not empty and without repetition. The route alone: one count for all its calls. */
  readonly by: readonly LimitKeyPart[];
  /** `refuse` for calls. */
  readonly exceed: 'refuse' | 'slow' | 'end';
  /** The name of the store that counts for several proxies. Undefined means that this proxy counts for itself. */
  readonly store?: string | undefined;
}

/** From 1 per hour. */
export interface Rate {
  readonly count: number;
  readonly periodMs: 1000 | 60_000 | 3_600_000;
}

/**
 * `client`: the address of the client, or its network of 64 bits in IPv6. `stream`: each call by itself, only where messages or bytes are
 * counted. Names of header fields are in lower case.
 */
export type LimitKeyPart =
  | { readonly kind: 'client' | 'identity' | 'route' | 'stream' }
  | { readonly kind: 'header'; readonly name: string };

/** No message may be larger. */
export interface MessageSizeConfig extends TriedLimit {
  readonly kind: 'messageSize';
  readonly direction: LimitDirection;
  readonly bytes: number;
}

/** No body of a request that is not gRPC may be larger. */
export interface BodySizeConfig extends TriedLimit {
  readonly kind: 'bodySize';
  readonly bytes: number;
}

/** A service that speaks Envoy's rate limit protocol (v3) decides about calls. */
export interface LimitServiceConfig extends TriedLimit {
  readonly kind: 'service';
  /** The name of the upstream that is asked. */
  readonly service: string;
  readonly domain: string;
  /** What the service is told of each call, not empty. Each maps its keys, of which there is one or more, to where their values come from. */
  readonly descriptors: readonly ReadonlyMap<string, DescriptorValue>[];
  /** How long a call waits for the answer. */
  readonly timeoutMs: number;
  /** What becomes of a call about which there is no answer: `open` lets it pass. */
  readonly failure: 'open' | 'closed';
}

/** `method`: the path of the request without its query. Names of header fields are in lower case. */
export type DescriptorValue =
  | { readonly kind: 'client' | 'identity' | 'route' | 'method' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'text'; readonly text: string };

/** @returns the text of a part as the configuration has it, such as 'header:x-tenant' */
export function keyPartText(part: LimitKeyPart): string {
  return part.kind === 'header' ? `header:${part.name}` : part.kind;
}

/** @returns the limit in words of the configuration, such as 'calls 100/s by client, identity', 'bytes 32KiB/s by stream' */
export function rateLimitText({ count, rate, by }: RateLimitConfig): string {
  const period = { 1000: 's', 60_000: 'm', 3_600_000: 'h' }[rate.periodMs];
  const amount = count === 'bytes' ? sizeText(rate.count) : rate.count;
  return `${count} ${amount}/${period} by ${by.map(keyPartText).join(', ')}`;
}

/** @returns any limit in words of the configuration. Two limits of a route may have the same */
export function limitLabel(limit: RouteLimitConfig): string {
  switch (limit.kind) {
    case 'rate':
      return rateLimitText(limit);
    case 'messageSize':
      return `messageSize ${sizeText(limit.bytes)} of ${limit.direction}`;
    case 'bodySize':
      return `bodySize ${sizeText(limit.bytes)}`;
    case 'service':
      return `service ${limit.service}, domain ${limit.domain}`;
    default:
      return limit satisfies never;
  }
}
