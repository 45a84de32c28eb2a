// What stands behind the proxy: the demo service and a web server, both also over TLS, a port where nothing answers and
// one where nobody listens. All of it in the runner's own process.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { startDemoService } from '../../../src/demo/demo-service.ts';
import { freePort } from '../../support/free-port.ts';
import type { UpstreamPorts } from './configuration.ts';
import { createWebServer } from './web-server.ts';

export interface Services {
  readonly ports: UpstreamPorts;
  stop(): Promise<void>;
}

export async function startServices(files: {
  readonly certFile: string;
  readonly keyFile: string;
}): Promise<Services> {
  const demo = await startDemoService({ address: '127.0.0.1:0' });
  const certificate = { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const open = async (server: Server): Promise<number> => {
    servers.push(server);
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port was given');
    return address.port;
  };
  const terminate = (protocol: string, port: number) =>
    open(createTlsServer({ ...certificate, ALPNProtocols: [protocol] }, (socket) => passOn(socket, port)));
  const web = await open(createWebServer());
  const ports: UpstreamPorts = {
    voice: demo.port,
    web,
    tls: await terminate('h2', demo.port),
    webOverTls: await terminate('http/1.1', web),
    silent: await open(createTcpServer()),
    nobody: await freePort(),
  };
  return {
    ports,
    stop: async () => {
      demo.forceClose();
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => once(server.close(), 'close')));
    },
  };
}

/** What came by TLS goes on as plaintext, and back. */
function passOn(socket: Socket, port: number): void {
  const further = connect({ host: '127.0.0.1', port });
  further.on('error', () => socket.destroy());
  socket.on('error', () => further.destroy());
  socket.on('close', () => further.destroy());
  further.on('close', () => socket.destroy());
  socket.pipe(further).pipe(socket);
}
