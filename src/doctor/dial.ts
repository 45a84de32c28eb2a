// Opens a connection for a probe, in plaintext or over TLS. An untrusted certificate does not end the handshake unless a secret is to be
// sent, because what is behind it is worth examining too; the verdict on the certificate is reported among the facts.

import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, isIP, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { Address } from '../config/address.ts';
import { errorCode } from '../config/error-code.ts';
import { readingFault } from '../config/system-error.ts';
import type { UpstreamTlsConfig } from '../config/upstream-config.ts';
import { hostsFileAddresses } from '../names/hosts-file.ts';
import { names } from '../names/name-lookup.ts';
import { quoted } from './finding.ts';
import { publicKeyOf } from './public-key.ts';

export interface TlsWish {
  /** The name for SNI and for the check of the certificate. Undefined means the host of the address. */
  readonly serverName?: string | undefined;
  /** Undefined means that ALPN is not sent. */
  readonly alpn?: readonly string[] | undefined;
  /** Undefined means the authorities that Node knows. */
  readonly ca?: Buffer | undefined;
  /** The peer is verified by having one of these keys, as publicKeyOf writes them. Undefined means: by a trusted certificate. */
  readonly publicKeys?: ReadonlySet<string> | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  /** Whether nothing may be sent to a peer whose certificate is not trusted: then the code of the reason is the failure. */
  readonly mustBeTrusted?: boolean | undefined;
  /** Which file cannot be read, and why. Then nothing is dialled. */
  readonly fault?: string | undefined;
}

/** The code of the failure for files that cannot be read, or not be used for TLS. The reason says which and why. */
export const TLS_FILES_UNUSABLE = 'tls_files_unusable';

export interface TlsFacts {
  /** What was chosen by ALPN, '' if nothing was. */
  readonly alpn: string;
  /** 'TLSv1.3' */
  readonly version: string;
  /** The code of the reason why the certificate is not trusted. Undefined if it is. */
  readonly distrust: string | undefined;
  /** Why the peer has not shown that it is the one that was meant, as the beginning of a sentence. Undefined if it has. */
  readonly unverified: string | undefined;
  readonly issuer: string;
  readonly names: string;
}

export type Dialled =
  | { readonly socket: Socket; readonly tls: TlsFacts | undefined; readonly connectMs: number }
  | DialFailure;

export interface DialFailure {
  /** A code that diagnoseConnectFailure knows, or TLS_FILES_UNUSABLE. */
  readonly failure: string;
  /** The reason in the words of OpenSSL or of this file, never in those of the peer. */
  readonly reason: string | undefined;
}

/**
 * The address from which the doctor connects to ports of this machine as clients must not. A running proxy names it as the client of what
 * it has refused, so that a later run can tell earlier runs from clients.
 */
export const PROBE_HOST = '127.70.71.68';

/** @returns undefined where the system chooses the address. Only Linux has all of 127.0.0.0/8. */
export function probeHostFor(address: Address): string | undefined {
  if (address.kind !== 'tcp' || process.platform !== 'linux') return undefined;
  const { host } = address;
  // Names that lead here are in /etc/hosts, like localhost. No DNS server is asked.
  const first = isIP(host) === 0 ? hostsFileAddresses(host).at(0)?.address : host;
  return first?.startsWith('127.') === true ? PROBE_HOST : undefined;
}

/** The failures after which another address of the same name may still answer. */
const OF_ONE_ADDRESS: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EINVAL', 'EADDRNOTAVAIL']);

/**
 * Never rejects.
 * @param limitMs for the name, TCP and TLS together
 * @param from the address to connect from. Undefined means that the system chooses it. Only the first address of a name is dialled from
 *   there, and the others if it refuses
 */
export async function dial(
  address: Address,
  tls: TlsWish | undefined,
  limitMs: number,
  from?: string,
): Promise<Dialled> {
  const endsAtMs = performance.now() + limitMs;
  const dialled = await dialOnce(address, tls, limitMs, from);
  const isName = address.kind === 'tcp' && isIP(address.host) === 0;
  if (!isName || from === undefined || !('failure' in dialled) || !OF_ONE_ADDRESS.has(dialled.failure))
    return dialled;
  return dialOnce(address, tls, Math.max(50, endsAtMs - performance.now()));
}

async function dialOnce(
  address: Address,
  tls: TlsWish | undefined,
  limitMs: number,
  from?: string,
): Promise<Dialled> {
  if (tls?.fault !== undefined) return { failure: TLS_FILES_UNUSABLE, reason: tls.fault };
  const { promise, resolve } = Promise.withResolvers<Dialled>();
  const beganAtMs = performance.now();
  let socket: Socket;
  try {
    const place = placeOf(address, from);
    socket = tls === undefined ? connect(place) : connectTls({ ...place, ...tlsOptions(address, tls) });
  } catch (error) {
    // OpenSSL refuses a certificate or a key before anything is dialled.
    const reason = `the certificate and its key cannot be used: ${error instanceof Error ? error.message : String(error)}`;
    return { failure: TLS_FILES_UNUSABLE, reason };
  }
  const fail = (failure: string, reason?: string): void => {
    clearTimeout(timer);
    resolve({ failure, reason });
    socket.destroy();
  };
  const timer = setTimeout(() => fail('connect_timeout'), limitMs);
  // The listener stays, so that an error after the handshake throws nothing.
  socket.on('error', (error: Error & { readonly reason?: string }) =>
    fail(errorCode(error) ?? 'unknown', error.reason),
  );
  socket.once('close', () => fail('ECONNRESET'));
  socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
    clearTimeout(timer);
    socket.setNoDelay(true);
    resolve({
      socket,
      tls: socket instanceof TLSSocket ? factsOf(socket, tls?.publicKeys) : undefined,
      connectMs: performance.now() - beganAtMs,
    });
  });
  return promise;
}

function placeOf(address: Address, from: string | undefined): NetConnectOpts {
  if (address.kind === 'unix') return { path: address.path };
  const local = from === undefined ? {} : { localAddress: from };
  return { host: address.host, port: address.port, lookup: names.lookup, ...local };
}

function tlsOptions(address: Address, { serverName, alpn, ca, cert, key, mustBeTrusted }: TlsWish) {
  const name = serverName ?? (address.kind === 'tcp' ? address.host : 'localhost');
  return {
    ...(isIP(name) === 0 && { servername: name }),
    ...(alpn && { ALPNProtocols: [...alpn] }),
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    minVersion: 'TLSv1.2' as const,
    rejectUnauthorized: mustBeTrusted === true,
  };
}

function factsOf(socket: TLSSocket, publicKeys: TlsWish['publicKeys']): TlsFacts {
  const certificate = socket.getPeerX509Certificate();
  const { authorizationError } = socket;
  // Node's types say Error; it is the code of the reason.
  const distrust = socket.authorized ? undefined : String(codeOf(authorizationError));
  return {
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '',
    version: socket.getProtocol() ?? '',
    distrust,
    unverified: publicKeys === undefined ? untrusted(distrust) : unknownKey(certificate, publicKeys),
    issuer: quoted((certificate?.issuer ?? '').replaceAll('\n', ', '), 200),
    names: quoted(certificate?.subjectAltName ?? '', 200),
  };
}

function untrusted(distrust: TlsFacts['distrust']): string | undefined {
  return distrust === undefined ? undefined : 'its certificate is not trusted';
}

function unknownKey(
  certificate: X509Certificate | undefined,
  publicKeys: ReadonlySet<string>,
): string | undefined {
  const isKnown = certificate !== undefined && publicKeys.has(publicKeyOf(certificate));
  return isKnown ? undefined : 'it shows a certificate with another key than those of the configuration';
}

function codeOf(error: unknown): unknown {
  return errorCode(error) ?? error;
}

/** Reads the files. Never throws: the wish says which file cannot be read. */
export function tlsWishOf(config: UpstreamTlsConfig | undefined, alpn: readonly string[]): TlsWish {
  let fault: string | undefined;
  const read = (file: string | undefined): Buffer | undefined => {
    try {
      return file === undefined ? undefined : readFileSync(file);
    } catch (error) {
      fault ??= `${file} cannot be read: ${readingFault(error)}`;
      return undefined;
    }
  };
  const [ca, cert, key] = [read(config?.ca), read(config?.cert), read(config?.key)];
  return { serverName: config?.serverName, alpn, ca, cert, key, fault };
}
