// The last changes of endpoints, as all processes have told them. What several say one after the other is one change. It is bounded: endpoints
// that have changed longest ago are forgotten first.

import type { EndpointChange } from '../admin/dashboard-figures.ts';
import { endpointKey } from '../observability/figure-layouts.ts';
import type { ConditionChange } from '../plane/endpoint-changes.ts';

const MOST_CHANGES = 8;
const MOST_ENDPOINTS = 500;
const MOST_CHARACTERS = 300;

interface NotedChange extends EndpointChange {
  /** The processes that have said it. */
  readonly carriers: Set<object>;
}

export class EndpointHistory {
  /** By `endpointKey`, those that have changed longest ago first. */
  readonly #changes = new Map<string, NotedChange[]>();

  /** @param carrier the process that tells */
  note(carrier: object, changes: readonly ConditionChange[]): void {
    for (const change of changes) this.#note(carrier, change);
  }

  /** By `endpointKey`. */
  get endpoints(): Iterable<string> {
    return this.#changes.keys();
  }

  /** @returns the newest first */
  of(key: string): readonly EndpointChange[] {
    const changes = this.#changes.get(key) ?? [];
    return changes.map(({ carriers, ...change }) => ({ ...change, processes: carriers.size })).toReversed();
  }

  #note(carrier: object, { upstream, endpoint, to, sentence, atEpochMs }: ConditionChange): void {
    const key = endpointKey(upstream, endpoint);
    const changes = this.#changes.get(key) ?? [];
    this.#changes.delete(key);
    this.#changes.set(key, changes);
    const newest = changes.at(-1);
    if (newest?.to === to) newest.carriers.add(carrier);
    else
      changes.push({
        atEpochMs,
        to,
        ...(sentence === undefined ? {} : { sentence: bounded(sentence) }),
        processes: 1,
        carriers: new Set([carrier]),
      });
    if (changes.length > MOST_CHANGES) changes.shift();
    if (this.#changes.size > MOST_ENDPOINTS) {
      const [oldest] = this.#changes.keys();
      this.#changes.delete(oldest);
    }
  }
}

function bounded(sentence: string): string {
  if (sentence.length <= MOST_CHARACTERS) return sentence;
  return `${sentence.slice(0, MOST_CHARACTERS - 1).toWellFormed()}…`;
}
