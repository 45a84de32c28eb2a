// What `framegate doctor` examines: a configuration, if there is one, and a target, if one is named. A configuration whose only fault is
// in certificate files is examined anyway, so that one expired file does not hide everything else.

import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { type LoadedConfig, parseConfig, type RefusedConfig } from '../config/load-config.ts';
import { type ConfigProblem, formatProblem } from '../config/problem.ts';
import { isStandardInput } from '../config/standard-input.ts';
import { findRouteProblems } from '../routing/route-problems.ts';
import { loadAndVerify } from '../sources/load-configuration.ts';

export interface ConfigSubject {
  readonly file: string;
  /** Undefined if the file cannot be used. */
  readonly config: Config | undefined;
  /** The problems of the file, and of what it names apart from certificates and keys. */
  readonly problems: readonly ConfigProblem[];
  /** The problems of the files of certificates and keys that the configuration names. */
  readonly certificateProblems: readonly ConfigProblem[];
}

export function readSubject(file: string): ConfigSubject {
  const verified = loadAndVerify(file);
  const all = problemsOf(verified);
  const plain = parseAgain(file);
  const ofText = new Set((plain === undefined ? all : problemsOf(plain)).map(formatProblem));
  const isOfCertificates = (problem: ConfigProblem): boolean =>
    !ofText.has(formatProblem(problem)) && isInTls(problem);
  const loaded = plain ?? verified;
  return {
    file,
    config: 'config' in loaded ? loaded.config : undefined,
    problems: all.filter((problem) => !isOfCertificates(problem)),
    certificateProblems: all.filter(isOfCertificates),
  };
}

/** Every file of a certificate or a key is named below the key tls. */
function isInTls({ path }: ConfigProblem): boolean {
  return /\.tls(?:$|[.[])/.test(path);
}

function problemsOf(result: LoadedConfig | RefusedConfig): readonly ConfigProblem[] {
  return 'problems' in result ? result.problems : result.warnings;
}

/** The same without the files that it names. Undefined if the text cannot be read a second time. */
function parseAgain(file: string): LoadedConfig | RefusedConfig | undefined {
  if (isStandardInput(file)) return undefined;
  try {
    return parseConfig(readFileSync(file, 'utf8'), file, findRouteProblems);
  } catch {
    return undefined;
  }
}
