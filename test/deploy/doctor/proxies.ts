// nginx and Envoy with a configuration each, in front of a service, for the doctor to examine.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findEnvoy } from '../../../bench/compare/envoy-program.ts';
import { findProgram } from '../../../bench/compare/programs.ts';
import type { CaseContext } from '../cases.ts';

const OPEN_WITHIN_MS = 15_000;

/** @param server what is in the block `server` besides its certificate */
export async function startNginx(context: CaseContext, port: number, server: string): Promise<void> {
  const program = findProgram('nginx');
  if (program === undefined) throw new Error('there is no nginx');
  const { folder } = context;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `  ${name}_temp_path ${folder}/${name};`,
  );
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 256; }
http {
  access_log off;
${temporary.join('\n')}
  server {
${server}
  }
}
`,
  );
  await start(context, [program, '-c', file, '-p', folder, '-e', join(folder, 'error.log')], port);
}

function address(port: number): string {
  return `{ socket_address: { address: 127.0.0.1, port_value: ${port} } }`;
}

export interface EnvoySettings {
  readonly port: number;
  readonly servicePort: number;
  /** Whether Envoy speaks HTTP/2 to the service. */
  readonly speaksHttp2: boolean;
}

export async function startEnvoy(
  context: CaseContext,
  { port, servicePort, speaksHttp2 }: EnvoySettings,
): Promise<void> {
  const program = findEnvoy();
  if (program === undefined) throw new Error('there is no Envoy, and it could not be fetched');
  const extensions = 'type.googleapis.com/envoy.extensions';
  const protocol = `
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": ${extensions}.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http2_protocol_options: {} }`;
  const file = join(context.folder, 'envoy.yaml');
  writeFileSync(
    file,
    `static_resources:
  listeners:
    - address: ${address(port)}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": ${extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: public
                codec_type: AUTO
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: { prefix: / }
                          route: { cluster: service }
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": ${extensions}.filters.http.router.v3.Router }
  clusters:
    - name: service
      type: STATIC
      connect_timeout: 2s${speaksHttp2 ? protocol : ''}
      load_assignment:
        cluster_name: service
        endpoints: [{ lb_endpoints: [{ endpoint: { address: ${address(servicePort)} } }] }]
`,
  );
  const words = ['--concurrency', '1', '--disable-hot-restart', '-l', 'error', '-c', file];
  await start(context, [program, ...words], port);
}

async function start(
  { after }: CaseContext,
  [program, ...words]: readonly string[],
  port: number,
): Promise<void> {
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-4000);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const endsAtMs = performance.now() + OPEN_WITHIN_MS;
  while (!(await isOpen(port))) {
    if (child.exitCode !== null || performance.now() > endsAtMs)
      throw new Error(`${program} does not listen: ${said}`);
    await sleep(50);
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
