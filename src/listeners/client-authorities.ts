// The authorities whose client certificates a listener accepts, and the list of those that they have revoked.

import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SecureContextOptions } from 'node:tls';
import type { ClientAuthConfig } from '../config/config.ts';
import { readingFault } from '../config/system-error.ts';

export interface ClientAuthorities {
  readonly caPem: Buffer;
  readonly crlPem: Buffer | undefined;
  /** Whether a client without a valid certificate is turned away. */
  readonly isRequired: boolean;
  /** Differs if anything of these does. */
  readonly digest: string;
}

/** Rejects with an Error that names the file and what is wrong with it. */
export async function loadClientAuthorities({ ca, crl, mode }: ClientAuthConfig): Promise<ClientAuthorities> {
  const caPem = await read(ca, 'authority of clients');
  if (!isCertificate(caPem)) throw new Error(`${ca} holds no certificate in PEM form`);
  const crlPem = crl === undefined ? undefined : await read(crl, 'list of revoked certificates');
  if (crlPem !== undefined && listsIn(crlPem).length === 0)
    throw new Error(`${crl} holds no list of revoked certificates in PEM form`);
  const digest = createHash('sha256').update(mode).update(caPem);
  if (crlPem !== undefined) digest.update('crl').update(crlPem);
  return { caPem, crlPem, isRequired: mode === 'require', digest: digest.digest('hex') };
}

/** The options of a context. SNI may choose any context, so all contexts of a listener need them. */
export function authorityOptions(authorities: ClientAuthorities | undefined): SecureContextOptions {
  if (authorities === undefined) return {};
  const { caPem, crlPem } = authorities;
  // Of a text with several lists, Node would use only the first.
  return { ca: caPem, ...(crlPem && { crl: [...listsIn(crlPem)] }) };
}

const LIST = /-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g;

/** Lists of several authorities, and older and newer ones of one authority: OpenSSL takes the newest. */
function listsIn(pem: Buffer): readonly string[] {
  return pem.toString('latin1').match(LIST) ?? [];
}

function isCertificate(pem: Buffer): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

async function read(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`the ${what} ${path} cannot be read: ${readingFault(error)}`, { cause: error });
  }
}
