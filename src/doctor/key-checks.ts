// Checks where the keys of identities come from: whether a key set can be read at its URL or in its file, whether its certificate is
// trusted, and whether the keys can verify what the identity accepts.

import type { Config } from '../config/config.ts';
import { counted } from '../config/counted.ts';
import { errorCode } from '../config/error-code.ts';
import {
  type IdentityConfig,
  type JwtConfig,
  type KeySource,
  shownSource,
} from '../config/identity-config.ts';
import { leftOutText, type PublicKey, type ReadKeys } from '../config/public-keys.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import { readKeySet } from '../sources/key-set-source.ts';
import type { Check } from './check.ts';
import { type Finding, failed, note, ok, quoted, took, warning } from './finding.ts';

const LIMIT_MS = 5000;
const READ_MS = 4000;

type WithKeys = Exclude<IdentityConfig, { readonly kind: 'certificate' }>;

export function keyChecks({ identities = [] }: Config): readonly Check[] {
  return identities
    .filter((identity): identity is WithKeys => identity.kind !== 'certificate')
    .map((identity) => ({
      id: `identities.${identity.name}`,
      group: 'identities',
      title: `${identity.name}: ${identity.kind === 'jwt' ? 'keys' : 'list'} from ${quoted(shownSource(identity.keys), 120)}`,
      limitMs: LIMIT_MS,
      run: () => examineKeys(identity),
    }));
}

async function examineKeys(identity: WithKeys): Promise<readonly Finding[]> {
  const { keys: source } = identity;
  const beganAtMs = performance.now();
  let read: ReadKeys;
  try {
    read = await readKeySet(source, READ_MS);
  } catch (error) {
    return [describeFailure(error, source)];
  }
  const { keys, leftOut } = read;
  const what = identity.kind === 'jwt' ? counted(keys.length, 'key') : counted(keys.length, 'credential');
  const findings = [ok(`${what}, read ${took(performance.now() - beganAtMs)}`)];
  findings.push(
    ...leftOut.map((one) =>
      warning(`left out: ${quoted(leftOutText(shownSource(source), one), 200)}`, one.hint ?? 'correct it'),
    ),
  );
  if (source.kind === 'url' && source.text.startsWith('http:'))
    findings.push(
      warning(
        'the keys come in plaintext: whoever can change them on the way can make tokens',
        'use https, or an address of this machine',
      ),
    );
  if (identity.kind === 'jwt') findings.push(...examineAlgorithms(identity, keys));
  return findings;
}

function examineAlgorithms({ algorithms }: JwtConfig, keys: readonly PublicKey[]): readonly Finding[] {
  const usable = keys.filter((key) => algorithms.some((algorithm) => fits(key, algorithm)));
  if (usable.length === 0)
    return [
      failed(
        `none of the keys is for ${algorithms.join(', ')}, so no token can be accepted`,
        'compare `algorithms` with the alg of the tokens',
      ),
    ];
  const rest = keys.length - usable.length;
  return rest === 0 ? [] : [note(`${counted(rest, 'key')} of them not for ${algorithms.join(', ')}`)];
}

/** Whether a signature by this algorithm can be verified by the key (RFC 7518 section 3.1, RFC 8037). */
function fits({ kty, crv, alg }: PublicKey, algorithm: string): boolean {
  if (alg !== undefined && alg !== algorithm && !(alg === 'Ed25519' && algorithm === 'EdDSA')) return false;
  if (/^[RP]S/.test(algorithm)) return kty === 'RSA';
  if (algorithm.startsWith('ES')) return kty === 'EC' && crv === CURVES[algorithm];
  return kty === 'OKP';
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

function describeFailure(error: unknown, source: KeySource): Finding {
  const message = error instanceof Error ? error.message : String(error);
  if (source.kind === 'file')
    return failed(
      `${source.text}: ${quoted(message)}`,
      'until it can be read, clients with this identity are let in by what was read before, or not at all',
    );
  const code = errorCode(error);
  if (code !== undefined && code !== 'ABORT_ERR') return describeConnection(code, source.text);
  const status = /HTTP (\d{3})/.exec(message)?.[1] ?? '';
  const remedy = status.startsWith('3')
    ? 'write the address that it leads to: redirects are not followed, as they could lead to keys of others'
    : 'open the URL yourself: it has to answer GET with a JSON Web Key Set; jwks_uri in the openid-configuration of the issuer names it';
  return failed(`${quoted(shownSource(source), 200)} ${quoted(message)}`, remedy);
}

function describeConnection(code: string, url: string): Finding {
  const { host, protocol } = new URL(url);
  const isTls = protocol === 'https:';
  if (isTls && /CERT|ISSUER|SELF_SIGNED|ALTNAME|SIGNATURE/.test(code))
    return failed(
      `the certificate of ${host} is not trusted (${code})`,
      'keys are read from issuers with a certificate of a public authority; for one of your own set NODE_EXTRA_CA_CERTS, or fetch the keys into a file and name that',
    );
  if (isTls && /^(?:ERR_SSL|EPROTO)/.test(code))
    return failed(`no TLS handshake with ${host} (${code})`, 'does it speak https on this port?');
  const { sentence } = diagnoseConnectFailure(code, host, { timeoutMs: READ_MS, isTls });
  return failed(sentence, 'a proxy that runs goes on with the keys that it has read before');
}
