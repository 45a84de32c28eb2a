// What keeps a valid configuration from being put to use: an address that is taken, a certificate that is no longer there.
// Each finding has the path of its key, so that whoever read the file can say where it stands.

import type { ConfigPath } from './config-path.ts';
import type { Finding } from './problem.ts';

export class UnusableConfig extends Error {
  readonly findings: readonly Finding[];

  /** @param findings one at least */
  constructor(findings: readonly Finding[]) {
    super(findings.map(({ message }) => message).join('; '));
    this.findings = findings;
  }
}

export function findingOf(path: ConfigPath, error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error);
  return { severity: 'error', path, at: 'value', message };
}
