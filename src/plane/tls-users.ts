// The users of certificates, which are listeners and upstreams with TLS: how to read their files again, and which certificates to
// show. Keys are never shown.

import type { X509Certificate } from 'node:crypto';
import type { Change } from '../config/change.ts';
import type { Listener } from '../listeners/listener.ts';
import type { Staple } from '../listeners/staple.ts';
import type { UpstreamTls } from '../upstreams/upstream-tls.ts';
import type { ProxySnapshot } from './build-snapshot.ts';

export interface UsedCertificate {
  readonly file: string;
  readonly certificate: X509Certificate;
  /** The OCSP response that clients get with the certificate while the response is valid. */
  readonly staple?: Staple | undefined;
}

export interface TlsUser {
  readonly kind: 'listener' | 'upstream';
  readonly name: string;
  /** All files that its TLS settings name. */
  readonly files: readonly string[];
  /** The certificates in use now. */
  certificates(): readonly UsedCertificate[];
  /** Reads the files again. Resolves to undefined if their content has not changed. Rejects with an Error that names the file. */
  prepare(): Promise<Change | undefined>;
}

export function tlsUsers(listeners: readonly Listener[], { built }: ProxySnapshot): readonly TlsUser[] {
  return [
    ...listeners.flatMap(listenerUser),
    ...[...built].flatMap(([name, { tls }]) => upstreamUser(name, tls)),
  ];
}

function listenerUser(listener: Listener): readonly TlsUser[] {
  const { name, config } = listener;
  if (config.tls === undefined) return [];
  const { certificates: pairs, clientAuth } = config.tls;
  const files = [
    ...pairs.flatMap(({ cert, key, ocsp }) => [cert, key, ...(ocsp ? [ocsp] : [])]),
    ...(clientAuth === undefined ? [] : [clientAuth.ca, ...(clientAuth.crl ? [clientAuth.crl] : [])]),
  ];
  const certificates = () =>
    listener.certificates.map((certificate) => ({
      file: certificate.files.cert,
      certificate: certificate.leaf,
      staple: certificate.staple,
    }));
  return [{ kind: 'listener', name, files, certificates, prepare: () => listener.prepare() }];
}

function upstreamUser(name: string, tls: UpstreamTls | undefined): readonly TlsUser[] {
  if (tls === undefined || tls.files.length === 0) return [];
  const certificates = (): readonly UsedCertificate[] => {
    const { certificate, config } = tls;
    return certificate === undefined || config.cert === undefined ? [] : [{ file: config.cert, certificate }];
  };
  return [{ kind: 'upstream', name, files: tls.files, certificates, prepare: async () => tls.prepare() }];
}
