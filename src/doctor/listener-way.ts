// Decides how the doctor can call a listener of the examined proxy.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Address } from '../config/address.ts';
import type { ListenerConfig } from '../config/config.ts';
import type { Credentials } from './credentials.ts';
import type { TlsWish } from './dial.ts';
import type { ExaminedProxy } from './examined-proxy.ts';
import { type Finding, warning } from './finding.ts';
import { publicKeyOf } from './public-key.ts';

/** The proxy, once its check has started it. */
export class ProxySlot {
  proxy: ExaminedProxy | undefined = undefined;

  async close(): Promise<void> {
    await this.proxy?.close();
    this.proxy = undefined;
  }
}

/** @returns the address of the listener, or a sentence why it cannot be tried */
export function reach(listener: ListenerConfig, { proxy }: ProxySlot): Address | string {
  const address = proxy?.addressOf(listener.name);
  if (proxy === undefined || address === undefined) {
    return listener.address.kind === 'systemd'
      ? 'systemd has its socket, whose port is not known here: name it as TARGET'
      : 'the running proxy does not have this listener: reload it';
  }
  if (proxy.isRunning && listener.proxyProtocol !== undefined)
    return 'it reads the PROXY protocol of its load balancer, and cannot be called from here';
  return address;
}

/** A name that a certificate of the listener is for. */
export function serverNameOf(listener: ListenerConfig): string | undefined {
  for (const { subjectAltName = '' } of certificatesOf(listener)) {
    const name = /DNS:([^,"]+)/.exec(subjectAltName)?.[1].trim();
    if (name !== undefined) return name.replace(/^\*/, 'doctor');
  }
  return undefined;
}

/**
 * How the doctor calls a listener over TLS. Whoever holds the port of a proxy that has ended is no peer of the doctor: the proxy has a key
 * of its configuration, and nobody else has one.
 * @param serverName for SNI
 * @returns undefined if the listener is in plaintext
 */
export function listenerWish(
  listener: ListenerConfig,
  serverName: string,
  alpn: readonly string[],
  { certificate }: Credentials,
): TlsWish | undefined {
  if (listener.tls === undefined) return undefined;
  return { serverName, alpn, ...certificate, publicKeys: publicKeysOf(listener) };
}

/** The keys that the proxy has after a reload. */
export function publicKeysOf(listener: ListenerConfig): ReadonlySet<string> {
  return new Set(
    certificatesOf(listener)
      .map(publicKeyOf)
      .filter((key) => key !== ''),
  );
}

/** @param reason why the peer was not verified */
export function strangerAt({ name }: ListenerConfig, reason = ''): Finding {
  return warning(
    `listener '${name}' was not called: ${reason}`,
    'reload the proxy if its certificate was renewed with another key; otherwise find which process holds the port',
  );
}

/** Those that can be read, each without its intermediates. */
function certificatesOf({ tls }: ListenerConfig): readonly X509Certificate[] {
  return (tls?.certificates ?? []).flatMap(({ cert }) => {
    try {
      return [new X509Certificate(readFileSync(cert))];
    } catch {
      // The group of certificates has said why.
      return [];
    }
  });
}
