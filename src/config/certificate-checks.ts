// Checks the files of certificates, keys and OCSP responses that a configuration names, before a listener or a connection fails on them:
// whether they exist, can be read, belong together and are valid today.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { judgeAuthorities } from './authority-checks.ts';
import { validityFault } from './certificate-validity.ts';
import type { ConfigPath } from './config-path.ts';
import { errorCode } from './error-code.ts';
import { answerFor, parseOcspResponse, whyNotServed } from './ocsp-response.ts';
import { type Fault, type Finding, isFault, type Severity } from './problem.ts';
import { listOf, mapOf, textOf } from './raw-value.ts';
import { besideConfig } from './resolve-config.ts';
import { readingFault } from './system-error.ts';

/** @param value the document as written in the file, which may be invalid */
export function findCertificateProblems(
  value: unknown,
  configFile: string,
  nowEpochMs: number = Date.now(),
): readonly Finding[] {
  const root = mapOf(value);
  const ofListeners = listOf(root.get('listeners')).flatMap((listener, index) => {
    const pairs = listOf(mapOf(mapOf(listener).get('tls')).get('certificates'));
    const neverServed = findNeverServed(pairs, ['listeners', index, 'tls', 'certificates'], configFile);
    const ofPairs = pairs.flatMap((pair, pairIndex) => {
      const path = ['listeners', index, 'tls', 'certificates', pairIndex];
      return [
        ...checkPair(pair, path, configFile, nowEpochMs),
        ...checkStaple(pair, path, configFile, nowEpochMs),
      ];
    });
    const clientAuth = mapOf(mapOf(listener).get('tls')).get('clientAuth');
    const ofClients = checkClientAuth(
      clientAuth,
      ['listeners', index, 'tls', 'clientAuth'],
      configFile,
      nowEpochMs,
    );
    return [...ofPairs, ...neverServed, ...ofClients];
  });
  const ofUpstreams = [...mapOf(root.get('upstreams'))].flatMap(([name, upstream]) => {
    const tls = mapOf(upstream).get('tls');
    const path = ['upstreams', name, 'tls'];
    return [
      ...checkAuthorities(tls, [...path, 'ca'], configFile, nowEpochMs),
      ...checkPair(tls, path, configFile, nowEpochMs),
    ];
  });
  return [...ofListeners, ...ofUpstreams];
}

/**
 * Finds certificates that are never served. A client gets the first certificate with the name it asks for, whatever kinds of keys the
 * client supports: if an RSA and an ECDSA certificate have the same name, only the first is served.
 */
function findNeverServed(
  pairs: readonly unknown[],
  path: ConfigPath,
  configFile: string,
): readonly Finding[] {
  const taken = new Map<string, { readonly index: number; readonly kind: string }>();
  return pairs.flatMap((pair, index) => {
    const file = fileIn(pair, 'cert');
    const certificate = file ? readCertificate(besideConfig(configFile, file)) : undefined;
    if (certificate === undefined || isFault(certificate)) return [];
    const kind = certificate.publicKey.asymmetricKeyType ?? '';
    const names = dnsNamesOf(certificate);
    const lost = names.filter((name) => taken.has(name));
    const rival = taken.get(lost[0] ?? '');
    for (const name of names) if (!taken.has(name)) taken.set(name, { index, kind });
    // Two certificates often share some names when both are needed for other names.
    if (rival === undefined || (lost.length < names.length && rival.kind === kind)) return [];
    const message = `is not served for ${lost.slice(0, 3).join(', ')}: certificates[${rival.index}] stands before it and is for the same`;
    const hint =
      rival.kind === kind
        ? 'remove one of the two'
        : 'of an RSA and an ECDSA certificate for one name this version serves the first alone; remove one of the two';
    return [finding([...path, index, 'cert'], { message, hint }, 'warning')];
  });
}

function dnsNamesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return [...subjectAltName.matchAll(/DNS:([^,"]+)/g)].map(([, name = '']) => name.trim().toLowerCase());
}

/** Ignores names with line breaks: another check reports that they are not the name of a file. */
function fileIn(map: unknown, key: string): string | undefined {
  const name = textOf(mapOf(map).get(key));
  return name?.includes('\n') === true ? undefined : name;
}

function checkAuthorities(
  tls: unknown,
  path: ConfigPath,
  configFile: string,
  nowEpochMs: number,
): readonly Finding[] {
  const name = fileIn(tls, 'ca');
  if (!name) return [];
  const file = besideConfig(configFile, name);
  const bytes = read(file);
  if (isFault(bytes)) return [finding(path, bytes)];
  return judgeAuthorities(bytes, file, nowEpochMs).map(({ severity, ...fault }) =>
    finding(path, fault, severity),
  );
}

function checkClientAuth(
  clientAuth: unknown,
  path: ConfigPath,
  configFile: string,
  nowEpochMs: number,
): readonly Finding[] {
  const crl = fileIn(clientAuth, 'crl');
  const bytes = crl ? read(besideConfig(configFile, crl)) : undefined;
  const at = [...path, 'crl'];
  const authorities = checkAuthorities(clientAuth, [...path, 'ca'], configFile, nowEpochMs);
  if (bytes === undefined) return authorities;
  if (isFault(bytes)) return [...authorities, finding(at, bytes)];
  try {
    createSecureContext({ crl: bytes });
    return authorities;
  } catch {
    const hint = 'openssl crl -inform der -in FILE -out FILE.pem makes PEM of DER';
    return [
      ...authorities,
      finding(at, { message: `${crl} is no list of revoked certificates in PEM form`, hint }),
    ];
  }
}

function checkPair(
  pair: unknown,
  path: ConfigPath,
  configFile: string,
  nowEpochMs: number,
): readonly Finding[] {
  const certName = fileIn(pair, 'cert');
  const keyName = fileIn(pair, 'key');
  const certFile = certName ? besideConfig(configFile, certName) : undefined;
  const keyFile = keyName ? besideConfig(configFile, keyName) : undefined;
  const certificate = certFile === undefined ? undefined : readCertificate(certFile);
  const key = keyFile === undefined ? undefined : readKey(keyFile);
  const findings: Finding[] = [];
  if (isFault(certificate)) findings.push(finding([...path, 'cert'], certificate));
  else if (certificate !== undefined) {
    const fault = validityFault(certificate, `${certFile}`, nowEpochMs);
    if (fault !== undefined) findings.push(finding([...path, 'cert'], fault, 'warning'));
  }
  if (isFault(key)) findings.push(finding([...path, 'key'], key));
  if (certificate === undefined || key === undefined || isFault(certificate) || isFault(key)) return findings;
  if (!certificate.checkPrivateKey(key)) {
    findings.push(finding([...path, 'key'], { message: `${keyFile} is not the key of ${certFile}` }));
  } else {
    const fault = whyRefused(`${certFile}`, `${keyFile}`);
    if (fault !== undefined) findings.push(finding([...path, 'cert'], fault));
  }
  return findings;
}

/** Why TLS refuses a certificate and a key that belong together: the key is too short, or the signature too weak. */
function whyRefused(certFile: string, keyFile: string): Fault | undefined {
  const [cert, key] = [read(certFile), read(keyFile)];
  if (isFault(cert) || isFault(key)) return undefined;
  try {
    createSecureContext({ cert, key });
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^error:[0-9A-F]+:[^:]*::?/, '') : '';
    const hint = 'make a new pair: an ECDSA key (P-256), or an RSA key of 2048 bits, signed with SHA-256';
    return { message: `OpenSSL does not accept ${certFile} (${reason})`, hint };
  }
}

/** A response that cannot be served is only a warning, since the certificate is served without it. */
function checkStaple(
  pair: unknown,
  path: ConfigPath,
  configFile: string,
  nowEpochMs: number,
): readonly Finding[] {
  const name = fileIn(pair, 'ocsp');
  if (!name) return [];
  const file = besideConfig(configFile, name);
  const at = [...path, 'ocsp'];
  const bytes = read(file);
  if (isFault(bytes)) return [finding(at, bytes)];
  const response = parseOcspResponse(bytes);
  if (isFault(response)) return [finding(at, { ...response, message: `${file} ${response.message}` })];
  const certName = fileIn(pair, 'cert');
  const certificate = certName ? readCertificate(besideConfig(configFile, certName)) : undefined;
  if (certificate === undefined || isFault(certificate)) return [];
  const answer = answerFor(response, certificate);
  const why = whyNotServed(answer, nowEpochMs);
  if (why !== undefined) return [finding(at, { message: `${file} ${why}: no client gets it` }, 'warning')];
  if (answer?.status !== 'revoked') return [];
  return [
    finding(at, { message: `${file} says that the certificate is revoked: clients refuse it` }, 'warning'),
  ];
}

function readCertificate(file: string): X509Certificate | Fault {
  const bytes = read(file);
  if (isFault(bytes)) return bytes;
  try {
    const certificate = new X509Certificate(bytes);
    // X509Certificate also reads DER, but TLS does not.
    if (!bytes.includes('-----BEGIN')) {
      const hint = `write it in PEM form: openssl x509 -inform der -in ${file} -out ${file}.pem`;
      return { message: `${file} is a certificate in DER form`, hint };
    }
    return certificate;
  } catch {
    return {
      message: `${file} is not a certificate`,
      hint: 'it must be in PEM form, the certificate of the server first',
    };
  }
}

function readKey(file: string): KeyObject | Fault {
  const bytes = read(file);
  if (isFault(bytes)) return bytes;
  try {
    return createPrivateKey(bytes);
  } catch {
    // The PEM label and the header of the older form that indicate a passphrase (RFC 5958, RFC 1421 section 4.6.1.1).
    return /-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(bytes.toString('latin1'))
      ? {
          message: `${file} is protected by a passphrase`,
          hint: 'decrypt it: openssl pkey -in FILE -out FILE',
        }
      : { message: `${file} is not a private key`, hint: 'it must be in PEM form' };
  }
}

function read(file: string): Buffer | Fault {
  try {
    return readFileSync(file);
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOENT') return { message: `${file} cannot be read: ${readingFault(error)}` };
    return { message: `${file} does not exist`, hint: developmentHint(file) };
  }
}

function developmentHint(file: string): string | undefined {
  return /(^|[/\\])certs[/\\]server\.(crt|key)$/.test(file)
    ? 'npm run certs makes certificates for development'
    : undefined;
}

function finding(path: ConfigPath, fault: Fault, severity: Severity = 'error'): Finding {
  return { severity, path, at: 'value', ...fault };
}
