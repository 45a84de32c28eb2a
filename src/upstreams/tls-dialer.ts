// Makes upstream connections over TLS. ALPN must choose HTTP/2.

import { connect } from 'node:tls';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import { type Dialer, destination, sharedReads, socketOptions, watchLookup } from './dial.ts';
import { tlsErrorCode, type UpstreamTls, upstreamServerName } from './upstream-tls.ts';

export function tlsDialer(tls: UpstreamTls): Dialer {
  return {
    dial(address, events) {
      const servername = upstreamServerName(tls.config, address);
      // A separate variable, because node:tls's types lack the options that it passes to node:net.
      const options = {
        ...destination(address),
        ...socketOptions,
        secureContext: tls.secureContext,
        ALPNProtocols: ['h2'],
        ...(servername === undefined ? {} : { servername }),
        onread: sharedReads(events),
      };
      const socket = connect(options);
      watchLookup(socket, address);
      socket.once('secureConnect', () => {
        if (socket.alpnProtocol === 'h2') events.onConnected();
        else events.onFailed(diagnoseConnectFailure('no_h2_alpn', address.text));
      });
      socket.on('error', (error: NodeJS.ErrnoException) =>
        events.onFailed(diagnoseConnectFailure(tlsErrorCode(error), address.text, { isTls: true })),
      );
      return socket;
    },
  };
}
