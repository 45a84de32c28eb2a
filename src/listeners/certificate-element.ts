// The element of x-forwarded-client-cert for the certificate of a client, in the form that Envoy has given this header: pairs of a key and a
// value with semicolons between them. It is made once for each connection.

import type { X509Certificate } from 'node:crypto';
import type { CertificateField } from '../config/config.ts';
import { type ClientCertificate, namesOf } from './client-certificate.ts';

export interface ShownCertificates {
  readonly client: X509Certificate;
  /** What the client certificate says, as `client` was read. */
  readonly read: ClientCertificate;
  /** The certificate that the listener has shown. Undefined if it is not known. */
  readonly own: X509Certificate | undefined;
}

/** @returns undefined if none of the fields has a value */
export function certificateElement(
  wanted: readonly CertificateField[],
  shown: ShownCertificates,
): string | undefined {
  const pairs = FIELDS.filter(({ field }) => wanted.includes(field)).flatMap(({ key, valuesOf }) =>
    valuesOf(shown).flatMap((value) => pairOf(key, value) ?? []),
  );
  return pairs.length === 0 ? undefined : pairs.join(';');
}

interface Field {
  readonly field: CertificateField;
  readonly key: string;
  readonly valuesOf: (shown: ShownCertificates) => readonly string[];
}

/** In the order of Envoy. */
const FIELDS: readonly Field[] = [
  {
    field: 'by',
    key: 'By',
    valuesOf: ({ own }) => (own === undefined ? [] : (namesOf(own)?.uris ?? [])),
  },
  {
    field: 'hash',
    key: 'Hash',
    valuesOf: ({ client }) => [client.fingerprint256.replaceAll(':', '').toLowerCase()],
  },
  // Percent-encoding leaves no character that would end the value.
  { field: 'cert', key: 'Cert', valuesOf: ({ client }) => [encodeURIComponent(client.toString())] },
  { field: 'subject', key: 'Subject', valuesOf: ({ read }) => [read.subject] },
  { field: 'uri', key: 'URI', valuesOf: ({ read }) => read.uris },
  { field: 'dns', key: 'DNS', valuesOf: ({ read }) => read.dnsNames },
];

/** Envoy quotes these whatever they hold. */
const ALWAYS_QUOTED: ReadonlySet<string> = new Set(['Cert', 'Subject']);

/** @returns undefined for a value that two readers could take to end at different places: it might pretend to be another field */
function pairOf(key: string, value: string): string | undefined {
  if (/["\p{Cc}]|\\\\|\\$/u.test(value)) return undefined;
  const isQuoted = ALWAYS_QUOTED.has(key) || !/^[\w!#$&'*+./:?@^`|~%-]*$/.test(value);
  // One character for each byte of UTF-8, as in all header fields.
  const bytes = Buffer.from(value, 'utf8').toString('latin1');
  return isQuoted ? `${key}="${bytes}"` : `${key}=${bytes}`;
}
