// A check of `framegate doctor`: what it examines, which other checks must have succeeded before, and how long it may take.

import type { Finding, Verdict } from './finding.ts';

/** The groups in the order of the report. The key is what --only takes. */
export const GROUPS = {
  config: 'Configuration',
  ports: 'Ports',
  certificates: 'Certificates',
  upstream: 'Upstream, directly',
  identities: 'Keys of identities',
  stores: 'Stores of shared limits',
  trace: 'Collector of traces',
  through: 'Through the proxy',
  target: 'Target',
  guesses: 'Usual causes',
  host: 'Host',
  hold: 'An idle stream',
} as const;

export type Group = keyof typeof GROUPS;

/** @returns what --only may name: the groups */
export function groupNames(): readonly string[] {
  return Object.keys(GROUPS);
}

export interface Check {
  /** Unique, and begins with the group: 'upstream.voice.127.0.0.1:50051.tcp'. */
  readonly id: string;
  readonly group: Group;
  readonly title: string;
  /** The ids of checks without which this one makes no sense. If one of them fails or is skipped, this one is skipped. */
  readonly needs?: readonly string[];
  /** The ids of checks that must have ended before, whatever they found. */
  readonly after?: readonly string[];
  /** The groups whose checks use what this one leaves in the memory of its process. Another process makes it again for them. */
  readonly feeds?: readonly Group[];
  /** How long the check may take. */
  readonly limitMs?: number;
  /**
   * Must settle soon after the signal. A rejection is a fault of the doctor itself.
   * @param ended the reports of the checks that have ended, by their ids
   */
  run(
    signal: AbortSignal,
    ended: ReadonlyMap<string, CheckReport>,
  ): readonly Finding[] | Promise<readonly Finding[]>;
}

export interface CheckReport {
  readonly id: string;
  readonly group: Group;
  readonly title: string;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  /** Why the check was not begun. Undefined if it was. */
  readonly skippedBecause?: string | undefined;
  readonly durationMs: number;
}
