// The error that a valid configuration cannot be put to use, because an address is taken or a certificate has disappeared.
// Each finding has the path of its key, so that the code that read the file can look up the position.

import type { ConfigPath } from './config-path.ts';
import { type ConfigProblem, type Finding, locateFinding, type Origins, sortProblems } from './problem.ts';

export class UnusableConfig extends Error {
  readonly findings: readonly Finding[];

  /** @param findings at least one */
  constructor(findings: readonly Finding[]) {
    super(findings.map(({ message }) => message).join('; '));
    this.findings = findings;
  }
}

export function findingOf(path: ConfigPath, error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error);
  return { severity: 'error', path, at: 'value', message };
}

/** What is wrong with it, each with where it was written. */
export function problemsOf({ findings }: UnusableConfig, origins: Origins): readonly ConfigProblem[] {
  return sortProblems(findings.map((finding) => locateFinding(finding, origins)));
}
