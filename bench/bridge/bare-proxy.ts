// Child program: node bare-proxy.ts PORT SERVICE_PORT. A typical proxy with http2-proxy: Node's HTTP server and an agent that keeps
// connections open. It has no routes, no log and no limits.

import { Agent, createServer, type RequestOptions } from 'node:http';
import proxy from 'http2-proxy';

const [port, servicePort] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true });

async function useAgent(_request: unknown, options: RequestOptions): Promise<void> {
  options.agent = agent;
}

const server = createServer((request, response) => {
  proxy.web(
    request,
    response,
    { hostname: '127.0.0.1', port: servicePort, onReq: useAgent },
    (error: Error | null) => {
      if (error !== null) response.destroy();
    },
  );
});
server.listen(port, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
