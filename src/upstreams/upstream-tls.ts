// TLS towards endpoints, for HTTP/1.1 and HTTP/2. Certificates are always verified.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Address } from '../config/address.ts';
import type { Change } from '../config/change.ts';
import { readingFault } from '../config/system-error.ts';
import type { UpstreamTlsConfig } from '../config/upstream-config.ts';

interface Material {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly secureContext: SecureContext;
}

/**
 * What one upstream trusts, and the certificate it presents. The files may be read again; new connections then use their new
 * contents.
 */
export class UpstreamTls {
  readonly config: UpstreamTlsConfig;
  readonly #upstream: string;
  #material: Material;

  /** Reads the files. Throws an Error that names the upstream and the file when one cannot be used. */
  constructor(config: UpstreamTlsConfig, upstream: string) {
    this.config = config;
    this.#upstream = upstream;
    this.#material = read(config, upstream);
  }

  get secureContext(): SecureContext {
    return this.#material.secureContext;
  }

  get files(): readonly string[] {
    return [this.config.ca, this.config.cert, this.config.key].filter((file) => file !== undefined);
  }

  /** The client certificate that the endpoints are shown. Undefined means none. */
  get certificate(): X509Certificate | undefined {
    const { cert } = this.#material;
    return cert === undefined ? undefined : new X509Certificate(cert);
  }

  /**
   * Reads the files again. Throws as the constructor does, and then nothing has changed.
   * @returns the change to commit, or undefined when the contents are the same
   */
  prepare(): Change | undefined {
    const material = read(this.config, this.#upstream);
    if (isSame(material, this.#material)) return undefined;
    return {
      commit: () => {
        this.#material = material;
      },
      discard() {},
    };
  }
}

function read(config: UpstreamTlsConfig, upstream: string): Material {
  try {
    const [ca, cert, key] = [config.ca, config.cert, config.key].map(readWhereGiven);
    return { ca, cert, key, secureContext: createSecureContext({ ca, cert, key, minVersion: 'TLSv1.2' }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`upstream '${upstream}': its TLS files cannot be used: ${reason}`, { cause: error });
  }
}

function readWhereGiven(file: string | undefined): Buffer | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file);
  } catch (error) {
    throw new Error(`${file} cannot be read: ${readingFault(error)}`, { cause: error });
  }
}

function isSame(a: Material, b: Material): boolean {
  return isEqual(a.ca, b.ca) && isEqual(a.cert, b.cert) && isEqual(a.key, b.key);
}

function isEqual(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}

/**
 * The name to send by SNI and to look for in the certificate. Undefined for an address, which SNI cannot carry (RFC 6066 section
 * 3), and which is itself looked for in the certificate.
 */
export function upstreamServerName(config: UpstreamTlsConfig, address: Address): string | undefined {
  if (config.serverName !== undefined) return config.serverName;
  return address.kind === 'tcp' && isIP(address.host) === 0 ? address.host : undefined;
}

/**
 * The error code of a failed connection. A handshake that fails while bytes wait to be written is reported as EPROTO, with
 * OpenSSL's reason in the message: 'write EPROTO …:SSL routines:function:wrong version number:…'. Otherwise Node makes a code of
 * the reason.
 */
export function tlsErrorCode(error: NodeJS.ErrnoException): string | undefined {
  const reason =
    error.code === 'EPROTO' ? /:SSL routines:[^:]*:([^:]+):/.exec(error.message)?.[1] : undefined;
  return reason === undefined ? error.code : `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`;
}
