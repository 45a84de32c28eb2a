// What a listener does with the connections it accepts, built from one version of its configuration. A service is immutable: a
// reload builds another one for later connections.

import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { ListenerConfig } from '../config/config.ts';
import { type Certificate, isSameCertificate, loadCertificates } from './certificates.ts';
import { type ClientAuthorities, loadClientAuthorities } from './client-authorities.ts';
import { ConnectionAdmission } from './connection-admission.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import { Http1Side } from './http1-side.ts';
import { ListenerError } from './listener-error.ts';
import { type ListenerHandler, listenerContainment } from './listener-handler.ts';
import type { Openings } from './openings.ts';
import { originOf, type PeerSource, type Serve } from './peer.ts';
import { plaintextAcceptor } from './plaintext-server.ts';
import type { ListenerTimeouts, ServerContext } from './server-context.ts';
import type { TicketKeys } from './ticket-keys.ts';
import { type TlsFiles, tlsAcceptor } from './tls-server.ts';
import { compileTrustedClients } from './trusted-clients.ts';

/** How long the listener waits for the rest of a ClientHello that cannot be served. */
const CLIENT_HELLO_TIMEOUT_MS = 1000;

/** Where the listener is bound. Set once this is known. */
export interface ListenerPlace {
  port: number | undefined;
  isUnix: boolean;
}

export interface ListenerService {
  readonly config: ListenerConfig;
  readonly handler: ListenerHandler;
  /** Empty without TLS. */
  readonly certificates: readonly Certificate[];
  /** Undefined if clients are not asked for certificates. */
  readonly authorities: ClientAuthorities | undefined;
  readonly http1: Http1Side;
  accept(socket: Socket): void;
}

export interface ServiceParts {
  readonly config: ListenerConfig;
  readonly handler: ListenerHandler;
  readonly place: ListenerPlace;
  /** Timeouts that override those of the configuration. */
  readonly timeouts: Partial<ListenerTimeouts>;
  readonly openings: Openings;
  readonly ticketKeys: TicketKeys;
  readonly limits: ConnectionLimits;
}

/**
 * Builds a service. Rejects with a ListenerError when the certificates cannot be used.
 * @param current the service in use. It is returned when nothing would differ. When only the handler and the time for header
 * fields are the same, its HTTP/1.1 connections are kept.
 */
export async function createListenerService(
  parts: ServiceParts,
  current?: ListenerService,
): Promise<ListenerService> {
  const { config, handler } = parts;
  const files = await loadTls(config);
  const { certificates, authorities } = files;
  const isSameHandler = current?.handler === handler;
  if (
    isSameHandler &&
    isDeepStrictEqual(config, current.config) &&
    areSame(certificates, current.certificates) &&
    authorities?.digest === current.authorities?.digest
  ) {
    return current;
  }
  const isSameHttp1 = isSameHandler && config.headerTimeoutMs === current.config.headerTimeoutMs;
  const http1 = isSameHttp1
    ? current.http1
    : new Http1Side(handler, parts.openings, timeoutsOf(parts).http1HeadersMs);
  const context = contextOf(parts, http1);
  const serve = acceptorOf(config, context, files);
  const accept = (socket: Socket): void => {
    const origin = originOf(socket, context.source);
    if (context.admission.admit(socket, origin)) serve(socket, origin);
  };
  return { config, handler, certificates, authorities, http1, accept };
}

function timeoutsOf({ config, timeouts }: ServiceParts): ListenerTimeouts {
  return {
    firstBytesMs: config.openingTimeoutMs,
    clientHelloMs: CLIENT_HELLO_TIMEOUT_MS,
    tlsHandshakeMs: config.openingTimeoutMs,
    http1HeadersMs: config.headerTimeoutMs,
    ...timeouts,
  };
}

function contextOf(parts: ServiceParts, http1: Http1Side): ServerContext {
  const { config, handler, place, openings, ticketKeys, limits } = parts;
  const { proxyProtocol } = config;
  const source: PeerSource = {
    listener: config.name,
    get isUnix() {
      return place.isUnix;
    },
    isTrusted: compileTrustedClients(config.trustedClients),
    mismatchPolicy: config.mismatch,
    port: () => place.port,
  };
  const isProxy = proxyProtocol === undefined ? undefined : compileTrustedClients(proxyProtocol.trusted);
  const admission = new ConnectionAdmission({
    config,
    handler,
    limits,
    isTrusted: source.isTrusted,
    isProxy,
  });
  const timeouts = timeoutsOf(parts);
  const containment = listenerContainment(handler);
  return { source, handler, timeouts, openings, ticketKeys, admission, http1, containment, isProxy };
}

async function loadTls({ name, tls }: ListenerConfig): Promise<TlsFiles> {
  if (tls === undefined) return { certificates: [], authorities: undefined };
  if (tls.certificates.length === 0) {
    throw new ListenerError('tls', `listener '${name}': tls needs a certificate`);
  }
  const { clientAuth } = tls;
  try {
    const certificates = await loadCertificates(tls.certificates);
    const authorities = clientAuth === undefined ? undefined : await loadClientAuthorities(clientAuth);
    return { certificates, authorities };
  } catch (error) {
    throw tlsError(name, error);
  }
}

function acceptorOf(config: ListenerConfig, context: ServerContext, files: TlsFiles): Serve {
  if (config.tls === undefined) return plaintextAcceptor(context);
  try {
    return tlsAcceptor(context, config.tls, files);
  } catch (error) {
    throw tlsError(config.name, error);
  }
}

function tlsError(listener: string, error: unknown): ListenerError {
  const reason = error instanceof Error ? error.message : String(error);
  return new ListenerError('tls', `listener '${listener}': ${reason}`, error);
}

function areSame(some: readonly Certificate[], others: readonly Certificate[]): boolean {
  return (
    some.length === others.length &&
    some.every((certificate, index) => isSameCertificate(certificate, others[index]))
  );
}
