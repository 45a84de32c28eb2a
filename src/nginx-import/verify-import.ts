// Checks the text that an import has made, as `framegate check` would. Any problem is a mistake of the import, except for files
// that this machine does not have.

import { findCertificateProblems } from '../config/certificate-checks.ts';
import { findKeyFileProblems } from '../config/identity-checks.ts';
import { parseConfig } from '../config/load-config.ts';
import { findLogFileProblems } from '../config/log-file-checks.ts';
import { type ConfigProblem, locateFinding, sortProblems } from '../config/problem.ts';
import { readYaml } from '../config/yaml-document.ts';
import { findRouteProblems } from '../routing/route-problems.ts';

export interface Verification {
  /** What `check` says of the text itself; errors among them are mistakes of the import. */
  readonly problems: readonly ConfigProblem[];
  readonly isUsable: boolean;
  /** What `check` would say of files on this machine: certificates, keys and the log. */
  readonly ofFiles: readonly ConfigProblem[];
}

/** @param file where the text is to be, as names of files in it are relative to its folder */
export function verifyImport(yaml: string, file: string): Verification {
  const result = parseConfig(yaml, file, findRouteProblems);
  if ('problems' in result) return { problems: result.problems, isUsable: false, ofFiles: [] };
  const document = readYaml(yaml).value;
  const findings = [
    ...findCertificateProblems(document, file),
    ...findKeyFileProblems(document, file),
    ...findLogFileProblems(document, file),
  ];
  return {
    problems: result.warnings,
    isUsable: true,
    ofFiles: sortProblems(findings.map((finding) => locateFinding(finding, result))),
  };
}
