// Decides how the doctor can call a listener of the examined proxy.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Address } from '../config/address.ts';
import type { ListenerConfig } from '../config/config.ts';
import type { ExaminedProxy } from './examined-proxy.ts';

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
export function serverNameOf({ tls }: ListenerConfig): string | undefined {
  for (const { cert } of tls?.certificates ?? []) {
    try {
      const { subjectAltName = '' } = new X509Certificate(readFileSync(cert));
      const name = /DNS:([^,"]+)/.exec(subjectAltName)?.[1].trim();
      if (name !== undefined) return name.replace(/^\*/, 'doctor');
    } catch {
      // The group of certificates has said why.
    }
  }
  return undefined;
}
