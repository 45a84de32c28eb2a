// Turns a YAML file into a configuration, or into a list of everything that is wrong with the file. Problems are collected, never
// thrown, so that a person can fix them all at once.

import { readFileSync, statSync } from 'node:fs';
import { findAdminTokenProblems } from './admin-token.ts';
import { findBalanceProblems } from './balance-checks.ts';
import { findCertificateProblems } from './certificate-checks.ts';
import { findClashingLimits } from './clashing-limits.ts';
import type { Config } from './config.ts';
import { crossCheck, listenerNames } from './cross-checks.ts';
import { findFaults } from './fault-checks.ts';
import { findIdentityProblems, findKeyFileProblems } from './identity-checks.ts';
import { findIdentityFieldProblems } from './identity-field-checks.ts';
import { explainVariables } from './interpolation.ts';
import { findLimitProblems } from './limit-checks.ts';
import { findLogFileProblems, findLogFormatProblems } from './log-file-checks.ts';
import { recogniseMistakenFile } from './mistaken-file.ts';
import { findMovingLimits } from './moving-limits.ts';
import { findWideNetworks } from './network-checks.ts';
import { findPathProblems } from './path-checks.ts';
import {
  type ConfigProblem,
  type Finding,
  fileOrigin,
  firstProblems,
  locateFinding,
  type Origins,
  sortProblems,
} from './problem.ts';
import { findProtocolProblems } from './protocol-checks.ts';
import { listOf, mapOf } from './raw-value.ts';
import { resolveConfig, resolveRoutes } from './resolve-config.ts';
import type { RouteConfig } from './route-config.ts';
import { findSplitProblems } from './route-upstreams.ts';
import { validate, validateRoute } from './schema.ts';
import { describeIssue, findingsOf } from './schema-findings.ts';
import { isReadOnce, isStandardInput } from './standard-input.ts';
import { findStoreProblems, findStoreSecretProblems } from './store-checks.ts';
import { readingFault } from './system-error.ts';
import { findTraceHeaderProblems } from './trace-headers.ts';
import { findVainKeys } from './vain-keys.ts';
import { findVainLimits } from './vain-limits.ts';
import { readYaml } from './yaml-document.ts';

/** A configuration that can be used, and where each part of it was written. */
export interface LoadedConfig extends Origins {
  readonly config: Config;
  readonly warnings: readonly ConfigProblem[];
}

/** The errors and warnings in file order. At least one is an error. */
export interface RefusedConfig {
  readonly problems: readonly ConfigProblem[];
}

export interface NumberedRoute {
  readonly route: RouteConfig;
  /** The index in the list of routes. */
  readonly index: number;
}

/**
 * Checks the routes against each other. The caller provides the check, because this folder does not know how routes are matched.
 * The check gets every route that is valid by itself, even if the file has other errors, so that all findings are reported together.
 */
export type RouteCheck = (
  routes: readonly NumberedRoute[],
  listenerNames: readonly string[],
) => readonly Finding[];

/** Named pipes and devices are excluded: reading a pipe would block until it has a writer, and a device may have no end. */
function isReadable(file: string): boolean {
  if (isReadOnce(file)) return true;
  const found = statSync(file);
  // A folder passes here, since the attempt to read it gives the better message.
  return found.isFile() || found.isDirectory();
}

export const LARGEST_FILE_BYTES = 1_048_576;

/** Loads a configuration from a file, and checks the files that it names. */
export function loadConfig(file: string, checkRoutes?: RouteCheck): LoadedConfig | RefusedConfig {
  let bytes: Buffer;
  try {
    if (!isReadable(file))
      return refuse(file, 'is no regular file', 'write the configuration into a file, or pass it by: -c -');
    bytes = readFileSync(isStandardInput(file) ? 0 : file);
  } catch (error) {
    return refuse(file, `cannot be read: ${readingFault(error)}`);
  }
  if (bytes.length > LARGEST_FILE_BYTES) return refuse(file, 'is larger than 1MiB');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const isUtf16 = /^(\xff\xfe|\xfe\xff)/.test(bytes.toString('latin1', 0, 2));
    return refuse(file, 'is not UTF-8 text', isUtf16 ? 'it is UTF-16: save it as UTF-8' : undefined);
  }
  return examine(text, file, (value) => [
    ...findCertificateProblems(value, file),
    ...findLogFileProblems(value, file),
    ...findKeyFileProblems(value, file),
    ...findAdminTokenProblems(value, file),
    ...findTraceHeaderProblems(value, file),
    ...findStoreSecretProblems(value, file),
    ...findRouteProblems(value, checkRoutes),
  ]);
}

/** Loads a configuration from text without reading the disk, so the files that it names are not checked. */
export function parseConfig(
  text: string,
  file: string,
  checkRoutes?: RouteCheck,
): LoadedConfig | RefusedConfig {
  return examine(text, file, (value) => findRouteProblems(value, checkRoutes));
}

function findRouteProblems(value: unknown, checkRoutes: RouteCheck | undefined): readonly Finding[] {
  if (checkRoutes === undefined) return [];
  const root = mapOf(value);
  const valid = listOf(root.get('routes')).flatMap((raw, index) => {
    const route = validateRoute(raw);
    return route === undefined ? [] : [{ route, index }];
  });
  const resolved = resolveRoutes(valid.map(({ route }) => route));
  const routes = valid.map(({ index }, place) => ({ route: resolved[place], index }));
  return checkRoutes(routes, listenerNames(root));
}

/** `furtherCheck` gets the unvalidated value, so that its findings are reported even if the schema rejects the file. */
function examine(
  text: string,
  file: string,
  furtherCheck: (value: unknown) => readonly Finding[],
): LoadedConfig | RefusedConfig {
  const mistaken = recogniseMistakenFile(text);
  if (mistaken !== undefined) return refuse(file, mistaken.message, mistaken.hint);
  const document = readYaml(text);
  const origins: Origins = { originOf: (path, at) => fileOrigin(file, document.locate(path, at)) };
  const syntaxProblems = document.faults.map(
    ({ message, hint, ...position }): ConfigProblem => ({
      severity: 'error',
      origin: fileOrigin(file, position),
      path: '',
      message,
      hint,
    }),
  );
  const value = withoutExtensions(document.value);
  if (value === undefined || value === null) {
    return syntaxProblems.length > 0
      ? { problems: firstProblems(sortProblems(syntaxProblems)) }
      : refuse(file, 'is empty', 'framegate init writes one to start from');
  }
  const result = validate(value, describeIssue);
  const found = [
    ...('issues' in result ? findingsOf(result.issues, value) : []),
    ...crossCheck(value),
    ...findProtocolProblems(value),
    ...findPathProblems(value),
    ...findBalanceProblems(value),
    ...findSplitProblems(value),
    ...findVainKeys(value),
    ...findFaults(value),
    ...findIdentityProblems(value),
    ...findIdentityFieldProblems(value),
    ...findLimitProblems(value),
    ...findVainLimits(value),
    ...findClashingLimits(value),
    ...findMovingLimits(value),
    ...findWideNetworks(value),
    ...findStoreProblems(value),
    ...findLogFormatProblems(value),
    ...furtherCheck(value),
  ];
  const findings = explainVariables(found, value);
  const problems = firstProblems(
    sortProblems(
      onceEach([...syntaxProblems, ...findings.map((finding) => locateFinding(finding, origins))]),
    ),
  );
  if ('issues' in result || problems.some((problem) => problem.severity === 'error')) return { problems };
  return {
    config: resolveConfig(result.config, file),
    warnings: problems,
    ...origins,
  };
}

/** Removes top-level keys that begin with x-. As in compose files, they belong to the user and are a place for anchors. */
function withoutExtensions(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('x-')));
}

/**
 * Reduces the problems to one message per fault. A value with an anchor is checked again at each alias; a value that YAML
 * misread needs no second complaint; and a value that is an error needs no warning about what it would do.
 */
function onceEach(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const misread = new Set(problems.filter(({ path }) => path === '').map(originText));
  const refused = new Set(problems.filter(({ severity }) => severity === 'error').map(originText));
  const said = new Set<string>();
  return problems.filter((problem) => {
    const { severity, path, message } = problem;
    const place = originText(problem);
    if (path !== '' && misread.has(place)) return false;
    if (severity === 'warning' && refused.has(place)) return false;
    // With aliases, several paths lead to the same key, so only the last key of the path counts.
    const saying = `${place} ${message} ${path.replace(/^.*\.|\[\d+\]$/g, '')}`;
    return !said.has(saying) && said.add(saying);
  });
}

function originText({ origin }: ConfigProblem): string {
  return origin.text;
}

function refuse(file: string, message: string, hint?: string): RefusedConfig {
  const origin = fileOrigin(file, { line: 1, column: 1 });
  return { problems: [{ severity: 'error', origin, path: '', message, hint }] };
}
