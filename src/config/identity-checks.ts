// Checks `identities` and the `access` of routes: names that do not exist, and set-ups that are valid and let in more than their author
// may think. The checks read the unvalidated document, so they also run when the schema rejects the file.

import { readFileSync, statSync } from 'node:fs';
import { isLocalAddress, isLoopback, parseListenAddress } from './address.ts';
import type { ConfigPath } from './config-path.ts';
import { largestBytesOf, parseKeys } from './credential-lists.ts';
import type { KeySource } from './identity-config.ts';
import { parseClaimHeader, parseKeySource } from './identity-values.ts';
import { type Fault, type Finding, isFault, type Severity } from './problem.ts';
import { leftOutText, type ReadKeys } from './public-keys.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';
import { besideConfig } from './resolve-config.ts';
import { suggest } from './suggestion.ts';
import { readingFault } from './system-error.ts';

interface RouteAccess {
  readonly path: ConfigPath;
  readonly listener: string | undefined;
  readonly access: RawMap;
}

export function findIdentityProblems(document: unknown): readonly Finding[] {
  const root = mapOf(document);
  const identities = mapOf(root.get('identities'));
  const accesses = accessesOf(root);
  return [
    ...accesses.flatMap((one) => unknownNames(one, identities)),
    ...accesses.flatMap(withoutIdentity),
    ...severalWays(identities),
    ...unusedIdentities(identities, accesses),
    ...[...identities].flatMap(([name, identity]) => checkJwt(name, mapOf(mapOf(identity).get('jwt')))),
    ...plaintextTokens(root, accesses, identities),
    ...unaskedCertificates(root, identities),
  ];
}

function accessesOf(root: RawMap): readonly RouteAccess[] {
  return listOf(root.get('routes')).flatMap((route, index) => {
    const written = mapOf(route);
    if (!written.has('access')) return [];
    const listener = textOf(mapOf(written.get('match')).get('listener'));
    return [{ path: ['routes', index, 'access'], listener, access: mapOf(written.get('access')) }];
  });
}

/** The names of identities with their places. */
function namesIn({ path, access }: RouteAccess): readonly { name: string; path: ConfigPath }[] {
  const required = listOf(access.get('require')).flatMap((name, index) => {
    const text = textOf(name);
    return text === undefined ? [] : [{ name: text, path: [...path, 'require', index] }];
  });
  return [...required, ...rulesIn({ path, access }).flatMap(namesInRule)];
}

interface PlacedRule {
  readonly path: ConfigPath;
  readonly rule: RawMap;
}

function rulesIn({ path, access }: Pick<RouteAccess, 'path' | 'access'>): readonly PlacedRule[] {
  return ['allow', 'deny'].flatMap((key) =>
    listOf(access.get(key)).map((rule, index) => ({ path: [...path, key, index], rule: mapOf(rule) })),
  );
}

function namesInRule({ path, rule }: PlacedRule): readonly { name: string; path: ConfigPath }[] {
  const written = rule.get('identity');
  const one = textOf(written);
  if (one !== undefined) return [{ name: one, path: [...path, 'identity'] }];
  return listOf(written).flatMap((name, index) => {
    const text = textOf(name);
    return text === undefined ? [] : [{ name: text, path: [...path, 'identity', index] }];
  });
}

function unknownNames(one: RouteAccess, identities: RawMap): readonly Finding[] {
  return namesIn(one).flatMap(({ name, path }) => {
    if (identities.has(name)) return [];
    const meant = suggest(name, new Set(identities.keys()));
    const defined = [...identities.keys()].slice(0, 20).join(', ');
    const hint = defined === '' ? 'none is defined' : `defined: ${defined}`;
    return [
      finding('error', path, `there is no identity '${name}'`, meant ? `did you mean '${meant}'?` : hint),
    ];
  });
}

const ACCESS_KEYS = new Set(['require', 'allow', 'deny', 'onExpiry']);

/** Whether the schema rejects it in a way that leaves open which identities it names: what follows from that is not said as well. */
function isIncomplete({ access }: RouteAccess): boolean {
  const required = access.get('require');
  if (required !== undefined && !Array.isArray(required)) return true;
  return (
    !(access.has('require') || access.has('allow')) || [...access.keys()].some((key) => !ACCESS_KEYS.has(key))
  );
}

/** Rules about who the client is need an identity that says so. Without any, addresses and paths alone decide. */
function withoutIdentity(one: RouteAccess): readonly Finding[] {
  if (isIncomplete(one)) return [];
  if (namesIn(one).length > 0 || !(one.access.has('allow') || one.access.has('deny'))) return [];
  const about = rulesIn(one).filter(({ rule }) => rule.has('claim') || rule.has('subject'));
  if (about.length > 0)
    return about.map(({ path }) =>
      finding(
        'error',
        path,
        'never holds: no identity says who the client is',
        'write require: [NAME] above it',
      ),
    );
  const message = 'asks nobody who they are: addresses and paths alone decide';
  const hint = 'write require: [NAME] with one of identities, unless the network is trusted';
  return [finding('warning', one.path, message, hint)];
}

const WAYS = ['jwt', 'apiKey', 'basic', 'clientCertificate'] as const;

/** Said at the name, before all that is wrong with the ways themselves. */
function severalWays(identities: RawMap): readonly Finding[] {
  return [...identities].flatMap(([name, written]) => {
    const identity = mapOf(written);
    const given = WAYS.filter((way) => identity.has(way));
    if (given.length < 2) return [];
    const message = `has ${given.join(' and ')}, and an identity has one kind of credentials`;
    const names = given.map((way) => `${name}-${way}`).join(', ');
    const hint = `write an identity for each, and access: { require: [${names}] }, of which a client needs one`;
    return [{ ...finding('error', ['identities', name], message, hint), at: 'key' as const }];
  });
}

function unusedIdentities(identities: RawMap, accesses: readonly RouteAccess[]): readonly Finding[] {
  if (accesses.some(isIncomplete)) return [];
  const used = new Set(accesses.flatMap(namesIn).map(({ name }) => name));
  // Which identity a misspelt name has meant is not known for sure.
  if ([...used].some((name) => !identities.has(name))) return [];
  return [...identities.keys()]
    .filter((name) => !used.has(name))
    .map((name) => ({
      ...finding(
        'warning',
        ['identities', name],
        'no route asks for this identity',
        'write access: { require: [NAME] }',
      ),
      at: 'key' as const,
    }));
}

function checkJwt(name: string, jwt: RawMap): readonly Finding[] {
  if (jwt.size === 0) return [];
  const path = ['identities', name, 'jwt'];
  return [...checkAudience(path, jwt), ...checkSource(path, jwt), ...repeatedHeaders(path, jwt)];
}

function checkAudience(path: ConfigPath, jwt: RawMap): readonly Finding[] {
  if (jwt.has('audience')) return [];
  const message = 'has no audience: tokens that the issuer has made for other services are accepted too';
  return [
    { ...finding('warning', path, message, 'write audience: NAME, as in aud of the tokens'), at: 'key' },
  ];
}

function checkSource(path: ConfigPath, jwt: RawMap): readonly Finding[] {
  const source = parseKeySource(textOf(jwt.get('jwks')) ?? '');
  if (isFault(source) || source.kind === 'file' || source.text.startsWith('https:')) return [];
  if (isLoopback(new URL(source.text).hostname)) return [];
  const message = 'is read without TLS: whoever is on the way can replace the keys, and make tokens';
  return [finding('warning', [...path, 'jwks'], message, 'write an https URL')];
}

function repeatedHeaders(path: ConfigPath, jwt: RawMap): readonly Finding[] {
  const seen = new Set<string>();
  return [...mapOf(jwt.get('claims'))].flatMap(([claim, header]) => {
    const name = parseClaimHeader(textOf(header) ?? '');
    if (isFault(name) || !seen.has(name)) {
      if (!isFault(name)) seen.add(name);
      return [];
    }
    return [finding('error', [...path, 'claims', claim], `another claim goes to header '${name}' already`)];
  });
}

/** Credentials that are sent in plaintext can be read, and used by whoever has read them. */
function plaintextTokens(
  root: RawMap,
  accesses: readonly RouteAccess[],
  identities: RawMap,
): readonly Finding[] {
  const asking = accesses.filter((one) => namesIn(one).some(({ name }) => identities.has(name)));
  if (asking.length === 0) return [];
  return listOf(root.get('listeners')).flatMap((each, index) => {
    const listener = mapOf(each);
    const text = textOf(listener.get('address')) ?? '';
    const name = textOf(listener.get('name')) ?? text;
    if (listener.has('tls') || !asking.some((one) => (one.listener ?? name) === name)) return [];
    const address = parseListenAddress(text);
    if (isFault(address) || address.kind !== 'tcp' || isLocalAddress(address)) return [];
    const message = 'takes credentials without TLS: whoever is on the way can read and use them';
    return [
      finding('warning', ['listeners', index, 'address'], message, 'write tls, or an address on loopback'),
    ];
  });
}

/** A certificate is shown only to a listener that asks for it. */
function unaskedCertificates(root: RawMap, identities: RawMap): readonly Finding[] {
  const isAsked = listOf(root.get('listeners')).some((listener) =>
    mapOf(mapOf(listener).get('tls')).has('clientAuth'),
  );
  if (isAsked) return [];
  return [...identities].flatMap(([name, identity]) => {
    if (!mapOf(identity).has('clientCertificate')) return [];
    const message = 'is shown by nobody: no listener asks clients for certificates';
    const path = ['identities', name, 'clientCertificate'];
    return [finding('error', path, message, 'write clientAuth: { ca: FILE } into tls of a listener')];
  });
}

/** Reads the files with keys and passwords. */
export function findKeyFileProblems(document: unknown, configFile: string): readonly Finding[] {
  return [...mapOf(mapOf(document).get('identities'))].flatMap(([name, identity]) => {
    const ways = mapOf(identity);
    return [
      ...checkFile(ways, ['identities', name, 'jwt', 'jwks'], undefined, configFile),
      ...checkFile(ways, ['identities', name, 'apiKey', 'file'], 'api-keys', configFile),
      ...checkFile(ways, ['identities', name, 'basic', 'file'], 'passwords', configFile),
    ];
  });
}

type FileFormat = Extract<KeySource, { kind: 'file' }>['format'];

function checkFile(
  ways: RawMap,
  path: readonly [string, string, string, string],
  format: FileFormat,
  configFile: string,
): readonly Finding[] {
  const written = textOf(mapOf(ways.get(path[2])).get(path[3])) ?? '';
  const source = parseKeySource(written);
  if (written === '' || isFault(source) || source.kind === 'url') return [];
  const text = besideConfig(configFile, source.text);
  const file: KeySource = { kind: 'file', text, ...(format && { format }) };
  try {
    const mostBytes = largestBytesOf(file);
    if (statSync(text).size > mostBytes)
      return [finding('error', path, `${text} is larger than ${mostBytes} bytes`)];
    return findingsOf(parseKeys(file, readFileSync(text, 'utf8')), path, text);
  } catch (error) {
    return [finding('error', path, `${text} cannot be read: ${readingFault(error)}`)];
  }
}

/** What is left out is a warning, so that a proxy starts again with the list with which it was running. */
function findingsOf(read: ReadKeys | Fault, path: ConfigPath, text: string): readonly Finding[] {
  if (isFault(read)) return [finding('error', path, `${text} ${read.message}`, read.hint)];
  const { keys, leftOut } = read;
  if (keys.length === 0 && leftOut.length === 0)
    return [finding('warning', path, `${text} is an empty list, so nobody has this identity`)];
  const severity = keys.length === 0 ? 'error' : 'warning';
  return leftOut.map((one) => finding(severity, path, leftOutText(text, one), one.hint));
}

function finding(severity: Severity, path: ConfigPath, message: string, hint?: string): Finding {
  return { severity, path, at: 'value', message, hint };
}
