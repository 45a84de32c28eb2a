// Checks `stores` and the limits that name them. The checks read the unvalidated document, so they also run when the schema rejects the
// file.

import { isLoopback } from './address.ts';
import type { ConfigPath } from './config-path.ts';
import type { Finding, Severity } from './problem.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';
import { besideConfig } from './resolve-config.ts';
import { sourceOf } from './secret-source.ts';
import { type Environment, readStoreSecrets } from './store-secrets.ts';
import { parseServers } from './store-values.ts';
import { suggest } from './suggestion.ts';

interface Use {
  readonly name: string;
  readonly path: ConfigPath;
}

export function findStoreProblems(document: unknown): readonly Finding[] {
  const root = mapOf(document);
  const stores = mapOf(root.get('stores'));
  const uses = usesIn(root);
  return [
    ...uses.filter(({ name }) => !stores.has(name)).map((use) => unknownStore(use, [...stores.keys()])),
    ...unused(stores, uses),
    ...[...stores].flatMap(([name, store]) => sentInPlaintext(name, mapOf(store))),
  ];
}

function usesIn(root: RawMap): readonly Use[] {
  return listOf(root.get('routes')).flatMap((route, index) =>
    listOf(mapOf(route).get('limits')).flatMap((limit, position) => {
      const name = textOf(mapOf(limit).get('store'));
      return name === undefined
        ? []
        : [{ name, path: ['routes', index, 'limits', position, 'store'] satisfies ConfigPath }];
    }),
  );
}

function unknownStore({ name, path }: Use, names: readonly string[]): Finding {
  const meant = suggest(name, names);
  const hint =
    meant === undefined
      ? `write stores: { ${name}: { redis: "redis://127.0.0.1:6379" } }`
      : `did you mean ${meant}?`;
  return finding('error', path, `there is no store '${name}'`, hint);
}

function unused(stores: RawMap, uses: readonly Use[]): readonly Finding[] {
  const used = new Set(uses.map(({ name }) => name));
  return [...stores.keys()]
    .filter((name) => !used.has(name))
    .map((name) => ({
      ...finding(
        'warning',
        ['stores', name],
        'no limit counts here',
        `write store: ${name} into limits of a route`,
      ),
      at: 'key' as const,
    }));
}

/** A password that is sent in plaintext can be read, and so can the server's answers be made up. */
function sentInPlaintext(name: string, store: RawMap): readonly Finding[] {
  const texts = textOf(store.get('redis')) ?? listOf(store.get('redis'));
  const servers = parseServers([texts].flat().map((text) => textOf(text) ?? ''));
  const isFar = servers.some(({ host, isTls }) => !isTls && !isLoopback(host));
  if (!isFar || !store.has('password')) return [];
  const message = 'is sent without TLS: whoever is on the way can read it';
  return [finding('warning', ['stores', name, 'password'], message, 'write rediss:// in place of redis://')];
}

/** Reads the files and variables with passwords and authorities. */
export function findStoreSecretProblems(
  document: unknown,
  configFile: string,
  environment?: Environment,
): readonly Finding[] {
  return [...mapOf(mapOf(document).get('stores'))].flatMap(([name, raw]) => {
    const store = mapOf(raw);
    const written = mapOf(store.get('password'));
    const file = textOf(written.get('file'));
    const ca = textOf(store.get('ca'));
    const read = readStoreSecrets(
      {
        password: sourceOf(file && besideConfig(configFile, file), textOf(written.get('environment'))),
        tls: ca ? { ca: besideConfig(configFile, ca) } : undefined,
      },
      environment,
    );
    return 'faults' in read
      ? read.faults.map(({ path, message, hint }) =>
          finding('error', ['stores', name, ...path], message, hint),
        )
      : [];
  });
}

function finding(severity: Severity, path: ConfigPath, message: string, hint?: string): Finding {
  return { severity, path, at: 'value', message, hint };
}
