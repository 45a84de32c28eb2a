// An attack of the threat model: who mounts it and how, and what has to come of it. Mounting one asserts the reaction; what
// the bystander and the proxy's memory have to say is asked by whoever runs it.

import type { Stage } from './stage.ts';

export interface Attack {
  /** Its row in docs/threat-model.md. */
  readonly id: string;
  readonly name: string;
  /** Tokens, which /metrics has to count, or the limit in words. */
  readonly rule: string;
  /** Also part of `npm test`. */
  readonly isShort?: boolean;
  /** Legal, and as much of it as the proxy can serve: mounted last, as the garbage of it fills the heap up to V8's limit. */
  readonly isSaturating?: boolean;
  /** Has ended a process: mounted once more where workers serve, whose processes have to stay the same. */
  readonly isFatal?: boolean;
  /**
   * Takes half a minute because a time limit has to pass. Such attacks are mounted together, on a proxy with its time limits as they are
   * by default. Elsewhere these are long.
   */
  readonly isSlow?: boolean;
  /** @returns the reaction in words; rejects when it is another than promised */
  mount(stage: Stage): Promise<string>;
}
