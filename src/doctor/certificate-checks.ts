// The certificates of listeners: whether the chain is complete and in order, whether the names cover the hosts of routes, how long
// they are valid, how strong they are, and who may read the keys.

import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { CertificateFiles, Config, ListenerConfig } from '../config/config.ts';
import { counted } from '../config/counted.ts';
import { formatProblem } from '../config/problem.ts';
import { readingFault } from '../config/system-error.ts';
import type { Check } from './check.ts';
import { type Finding, failed, note, ok, quoted, unexamined, warning } from './finding.ts';
import type { ConfigSubject } from './subject.ts';

const DAY_MS = 86_400_000;
const SOON_DAYS = 21;
const LEAST_RSA_BITS = 2048;
/** Read and write for others than the owner and the group. */
const FOR_OTHERS = 0o006;

export const CERTIFICATE_FILES = 'certificates.files';

export function certificateChecks(subject: ConfigSubject, nowEpochMs: number = Date.now()): readonly Check[] {
  const { config, certificateProblems } = subject;
  if (config === undefined) return [];
  const files: Check = {
    id: CERTIFICATE_FILES,
    group: 'certificates',
    title: 'certificates and keys can be read and belong together',
    run: () =>
      certificateProblems.length === 0
        ? [ok(describeCount(config))]
        : certificateProblems.map((problem) => {
            const { hint, ...rest } = problem;
            const text = formatProblem({ ...rest, hint: undefined, severity: 'error' });
            return problem.severity === 'error' ? failed(text, hint) : expiredOr(problem.message, text, hint);
          }),
  };
  const pairs = config.listeners.flatMap((listener) =>
    (listener.tls?.certificates ?? []).map((pair) => ({ listener, pair })),
  );
  const unique = new Map(pairs.map((each) => [`${each.listener.name} ${each.pair.cert}`, each]));
  return [
    files,
    ...Array.from(
      unique.values(),
      ({ listener, pair }): Check => ({
        id: `certificates.${listener.name}.${pair.cert}`,
        group: 'certificates',
        title: `certificate ${pair.cert} of listener '${listener.name}'`,
        run: () => examineCertificate(pair, nowEpochMs),
      }),
    ),
    ...config.listeners.flatMap((listener) => nameCheck(listener, config)),
  ];
}

function describeCount(config: Config): string {
  const count = config.listeners.reduce((sum, { tls }) => sum + (tls?.certificates.length ?? 0), 0);
  return count === 0
    ? 'no listener has a certificate'
    : `the listeners have ${counted(count, 'certificate')}`;
}

/** `check` only warns of a certificate that is not valid now, since it may be replaced before it is served. Clients refuse it. */
function expiredOr(message: string, text: string, hint: string | undefined): Finding {
  if (/ expired at /.test(message))
    return failed(
      text,
      'renew it; a running Framegate takes the new file up by itself',
      'tls_certificate_not_trusted',
    );
  if (/ is not valid before /.test(message))
    return failed(text, 'is the clock of this machine right (timedatectl)?', 'tls_certificate_not_trusted');
  return warning(text, hint);
}

function examineCertificate(pair: CertificateFiles, nowEpochMs: number): readonly Finding[] {
  const chain = readChain(pair.cert);
  // The check of the files has said why.
  if (chain.length === 0) return [unexamined('it cannot be read')];
  const [leaf] = chain;
  return [
    ...describeValidity(leaf, nowEpochMs),
    ...examineChain(chain, pair.cert),
    ...examineStrength(leaf),
    ...examinePermissions(pair.key),
  ];
}

function describeValidity(leaf: X509Certificate, nowEpochMs: number): readonly Finding[] {
  const days = Math.floor((leaf.validToDate.getTime() - nowEpochMs) / DAY_MS);
  const until = leaf.validToDate.toISOString().slice(0, 10);
  if (leaf.validToDate.getTime() < nowEpochMs) return [];
  if (days < SOON_DAYS) {
    return [
      warning(
        `it is valid for ${counted(days, 'more day')}, until ${until}`,
        'renew it now; a running Framegate takes the new file up by itself',
      ),
    ];
  }
  return [
    ok(
      `valid until ${until} (${counted(days, 'day')}), for ${quoted(namesOf(leaf).join(', ') || 'no name')}`,
    ),
  ];
}

function readChain(file: string): readonly X509Certificate[] {
  try {
    const blocks = readFileSync(file, 'latin1').match(
      /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]*-----END (?:TRUSTED )?CERTIFICATE-----/g,
    );
    return (blocks ?? []).map((block) => new X509Certificate(block));
  } catch {
    return [];
  }
}

/** Node has none for an empty name, though its types say otherwise. */
function issuerOf({ issuer }: { readonly issuer: string | undefined }): string {
  return issuer ?? '';
}

function namesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return [...subjectAltName.matchAll(/(?:DNS|IP Address):([^,"]+)/g)].map(([, name = '']) => name.trim());
}

function examineChain(chain: readonly X509Certificate[], file: string): readonly Finding[] {
  const misplaced = chain.findIndex((one, index) => {
    const next = chain[index + 1];
    return next !== undefined && !one.checkIssued(next);
  });
  if (misplaced !== -1) {
    return [
      failed(
        `${file}: certificate ${misplaced + 2} is not the issuer of certificate ${misplaced + 1}; clients that need it cannot build the chain`,
        'write the certificate of the server first, then the one that issued it, and so on; without others',
        'tls_certificate_not_trusted',
      ),
    ];
  }
  const leaf = chain[0];
  const last = chain[chain.length - 1];
  if (leaf.checkIssued(leaf)) {
    return [note('it is self-signed: clients need this certificate itself as their authority')];
  }
  if (chain.length > 1 && last.checkIssued(last)) {
    return [
      note('the chain ends with its root, which clients need not be sent', 'leave the last certificate out'),
    ];
  }
  if (roots().some((root) => last.checkIssued(root)))
    return [ok('the chain leads to an authority that Node knows')];
  const issuer = quoted(issuerOf(last).replaceAll('\n', ', '));
  // Only a public authority says where its own certificate can be fetched.
  if (last.infoAccess?.includes('CA Issuers') === true) {
    return [
      failed(
        `${file} lacks the intermediate certificate of ${issuer}: clients do not find the way to an authority they know`,
        'use fullchain.pem in place of cert.pem',
        'tls_certificate_not_trusted',
      ),
    ];
  }
  return [note(`issued by an authority of its own (${issuer}): clients must be given it`)];
}

let knownRoots: readonly X509Certificate[] | undefined;

function roots(): readonly X509Certificate[] {
  knownRoots ??= rootCertificates.map((pem) => new X509Certificate(pem));
  return knownRoots;
}

function examineStrength({ publicKey, signatureAlgorithm }: X509Certificate): readonly Finding[] {
  const bits = publicKey.asymmetricKeyDetails?.modulusLength;
  if (publicKey.asymmetricKeyType === 'rsa' && bits !== undefined && bits < LEAST_RSA_BITS) {
    return [
      warning(`its RSA key has ${bits} bits, which clients refuse`, 'make one of 2048 bits, or ECDSA P-256'),
    ];
  }
  if (/sha1|md5/i.test(signatureAlgorithm ?? '')) {
    return [
      warning(
        `it is signed with ${quoted(signatureAlgorithm ?? '')}, which clients refuse`,
        'sign it with SHA-256',
      ),
    ];
  }
  return [];
}

function examinePermissions(keyFile: string): readonly Finding[] {
  try {
    const { mode } = statSync(keyFile);
    if ((mode & FOR_OTHERS) === 0) return [];
    const shown = (mode & 0o777).toString(8).padStart(4, '0');
    return [
      warning(
        `every user of this machine may read the key ${keyFile} (mode ${shown})`,
        `chmod o-rwx ${keyFile}`,
      ),
    ];
  } catch (error) {
    return [unexamined(`the permissions of ${keyFile} cannot be read: ${readingFault(error)}`)];
  }
}

/** Whether the certificates of a TLS listener are for the hosts that routes on it name. */
function nameCheck(listener: ListenerConfig, config: Config): readonly Check[] {
  const { tls, name } = listener;
  const hosts = config.routes.flatMap(({ match }) =>
    match.host !== undefined && (match.listener ?? name) === name ? [match.host] : [],
  );
  if (tls === undefined || hosts.length === 0) return [];
  return [
    {
      id: `certificates.${name}.names`,
      group: 'certificates',
      title: `certificates of listener '${name}' are for the hosts of its routes`,
      needs: [CERTIFICATE_FILES],
      run: () => {
        const leaves = tls.certificates.flatMap(({ cert }) => readChain(cert).slice(0, 1));
        const missing = [...new Set(hosts)].filter(
          (host) => !leaves.some((leaf) => leaf.checkHost(host.replace(/^\*/, 'any')) !== undefined),
        );
        return missing.length === 0
          ? [ok([...new Set(hosts)].join(', '))]
          : missing.map((host) => describeMissingName(host, name, config));
      },
    },
  ];
}

function describeMissingName(host: string, listener: string, { listeners }: Config): Finding {
  const text = `no certificate of listener '${listener}' is for ${host}, which a route names: clients refuse the connection`;
  const remedy = `get a certificate with ${host} in it, or take the host out of the route`;
  const isElsewhere = listeners.some(({ name, tls }) => name !== listener && tls === undefined);
  return isElsewhere
    ? warning(text, remedy, 'tls_certificate_not_trusted')
    : failed(text, remedy, 'tls_certificate_not_trusted');
}
