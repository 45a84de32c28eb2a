// Who uses certificates: listeners, and upstreams that speak TLS. What it takes to read their files again, and what to
// show of the certificates; never of keys.

import type { X509Certificate } from 'node:crypto';
import type { Change } from '../config/change.ts';
import type { Listener } from '../listeners/listener.ts';
import type { Staple } from '../listeners/staple.ts';
import type { UpstreamTls } from '../upstreams/upstream-tls.ts';
import type { ProxySnapshot } from './build-snapshot.ts';

export interface UsedCertificate {
  readonly file: string;
  readonly certificate: X509Certificate;
  /** The OCSP response that clients get with it, while it is of use. */
  readonly staple?: Staple | undefined;
}

export interface TlsUser {
  readonly kind: 'listener' | 'upstream';
  readonly name: string;
  /** All that its TLS depends on. */
  readonly files: readonly string[];
  /** Those in use now. */
  certificates(): readonly UsedCertificate[];
  /** Reads the files again; undefined where they hold what they held. Rejects with an Error that names the file. */
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
  const files = config.tls.certificates.flatMap(({ cert, key, ocsp }) => [
    cert,
    key,
    ...(ocsp ? [ocsp] : []),
  ]);
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
