// The `limits` of a route as the file has them, so that a difference between two configurations can be read by those who wrote it.

import {
  type DescriptorValue,
  keyPartText,
  type LimitServiceConfig,
  type RateLimitConfig,
  type RouteLimitConfig,
} from '../config/limits-config.ts';
import { sizeText } from '../config/units.ts';
import { REDACTED } from './shown-secret.ts';
import { type WrittenParts, WrittenText, written, writtenEntries } from './written-value.ts';

const PERIODS = { 1000: 's', 60_000: 'm', 3_600_000: 'h' } as const;

/** @returns each limit. A burst that is as much as the rate counts is left out */
export function writtenLimits(limits: readonly RouteLimitConfig[]): WrittenParts {
  return writtenEntries(limits, (limit) => {
    const parts = limit.dryRun === true ? [...partsOf(limit), 'dryRun: true'] : partsOf(limit);
    const { text } = written(`{ ${parts.join(', ')} }`);
    return new WrittenText(text, false, limit.kind === 'service' ? secretsOf(limit) : '');
  });
}

/** The texts that a service is told, which are compared and not shown. */
function secretsOf({ descriptors }: LimitServiceConfig): string {
  return JSON.stringify(descriptors.map((one) => [...one]));
}

function partsOf(limit: RouteLimitConfig): readonly string[] {
  switch (limit.kind) {
    case 'rate':
      return ofRate(limit);
    case 'messageSize':
      return [`messageSize: ${sizeText(limit.bytes)}`, `direction: ${limit.direction}`];
    case 'bodySize':
      return [`bodySize: ${sizeText(limit.bytes)}`];
    default:
      return ofService(limit);
  }
}

function ofRate({ count, direction, rate, burst, by, exceed, store }: RateLimitConfig): readonly string[] {
  const amount = (value: number): string => (count === 'bytes' ? sizeText(value) : String(value));
  const isOfCalls = count === 'calls';
  return [
    `count: ${count}`,
    ...(isOfCalls ? [] : [`direction: ${direction}`]),
    `rate: ${amount(rate.count)}/${PERIODS[rate.periodMs]}`,
    ...(burst === rate.count ? [] : [`burst: ${amount(burst)}`]),
    `by: [${by.map((part) => word(keyPartText(part))).join(', ')}]`,
    ...(isOfCalls ? [] : [`exceed: ${exceed}`]),
    ...(store === undefined ? [] : [`store: ${word(store)}`]),
  ];
}

function ofService({
  service,
  domain,
  descriptors,
  timeoutMs,
  failure,
}: LimitServiceConfig): readonly string[] {
  const told = descriptors.map((one) => {
    const pairs = Array.from(one, ([key, value]) => `${word(key)}: ${word(valueText(value))}`);
    return `{ ${pairs.join(', ')} }`;
  });
  return [
    `service: ${word(service)}`,
    `domain: ${word(domain)}`,
    `descriptors: [${told.join(', ')}]`,
    `timeout: ${timeoutMs}ms`,
    `failure: ${failure}`,
  ];
}

function valueText(value: DescriptorValue): string {
  if (value.kind === 'header') return `header:${value.name}`;
  return value.kind === 'text' ? `text:${REDACTED}` : value.kind;
}

/** What could be read as something else in YAML is quoted. */
function word(text: string): string {
  return /^[A-Za-z][\w.-]*$/.test(text) ? text : JSON.stringify(text);
}
