// Opens a connection to an endpoint for a probe, the way that calls to it are connected.

import type { Duplex } from 'node:stream';
import type { Address } from '../config/address.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import type { Dialer } from '../upstreams/dial.ts';
import { CANCELLED, connectEndpoint } from '../upstreams/http1/endpoint-socket.ts';
import type { UpstreamTls } from '../upstreams/upstream-tls.ts';
import { predicateOf } from './predicate.ts';

export interface OpenEvents {
  readonly onOpen: (socket: Duplex) => void;
  /** @param predicate of the endpoint: 'refused the connection' */
  readonly onFailed: (predicate: string) => void;
}

/** Starts to connect. No event is emitted during the call. @returns gives the connection up, without an event */
export type OpenSocket = (events: OpenEvents) => () => void;

/** The check that owns the probe gives it up earlier. */
const LONGEST_MS = 600_000;

/** For endpoints that speak HTTP/1.1. @param tls is called for each connection; throws when the TLS files cannot be used */
export function openForHttp1(address: Address, tls: () => UpstreamTls | undefined): OpenSocket {
  return ({ onOpen, onFailed }) => {
    const used = tls();
    const dial = connectEndpoint(address, used, LONGEST_MS, (error, socket) => {
      if (error === undefined) onOpen(socket);
      else if (error.code !== CANCELLED) {
        const isTls = used !== undefined;
        onFailed(predicateOf(address, diagnoseConnectFailure(error.code, address.text, { isTls })));
      }
    });
    return () => dial.cancel();
  };
}

/** For endpoints that speak HTTP/2. */
export function openForHttp2(address: Address, dialer: Dialer): OpenSocket {
  return ({ onOpen, onFailed }) => {
    let isWanted = true;
    const socket = dialer.dial(address, {
      onConnected: () => {
        if (isWanted) onOpen(socket);
      },
      onBytes() {},
      onFailed: (diagnosis) => {
        socket.destroy();
        if (isWanted) onFailed(predicateOf(address, diagnosis));
        isWanted = false;
      },
    });
    return () => {
      isWanted = false;
      socket.destroy();
    };
  };
}
