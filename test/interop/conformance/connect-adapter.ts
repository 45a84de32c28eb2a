// What connectconformance runs as "server under test": the reference server behind, Framegate in front, and Framegate's address
// in the answer. The request says what clients will speak; behind the proxy it is gRPC over cleartext HTTP/2, whatever it was.
// Usage: connect-adapter.ts PATH_OF_REFERENCE_SERVER CERT_FILE KEY_FILE. Nothing but the answer may be written to standard output.
// connectconformance waits ten seconds for the answer and then fails all cases of the server, so as little as possible is done here.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allTo, startBetween } from './framegate-between.ts';
import { bytesField, numberField, readFields, readMessage, withLength } from './protobuf-fields.ts';

// Fields of ServerCompatRequest, ServerCompatResponse and TLSCreds (connectrpc/conformance/v1/server_compat.proto).
const REQUEST = { protocol: 1, httpVersion: 2, useTls: 4, messageReceiveLimit: 6, serverCredentials: 7 };
const RESPONSE = { host: 1, port: 2, certificate: 3 };
const CREDENTIALS = { certificate: 1, key: 2 };
const PROTOCOL_GRPC = 2;
const HTTP_VERSION_2 = 2;

const [, , referenceServer, ...files] = process.argv;

async function main(): Promise<void> {
  const stopped = stopRequested();
  const request = readFields(await readMessage(process.stdin));
  const server = await startReferenceServer(request.numbers.get(REQUEST.messageReceiveLimit) ?? 0);
  const folder = mkdtempSync(join(tmpdir(), 'framegate-connect-'));
  try {
    const credentials = request.bytes.get(REQUEST.serverCredentials);
    const certificate = credentials === undefined ? undefined : writeCredentials(folder, credentials);
    const between = await startBetween(
      { folder, certificates: { certFile: files[0], keyFile: files[1] } },
      { routes: allTo(server.port), isGrpcWeb: true, ...(certificate === undefined ? {} : { certificate }) },
    );
    const isTls = request.numbers.get(REQUEST.useTls) === 1;
    process.stdout.write(
      withLength(answer(isTls ? between.tlsPort : between.plaintextPort, certificate?.pem)),
    );
    await stopped;
    const problems = await between.stop();
    for (const problem of problems) console.error(`connect-adapter: ${problem}`);
    if (problems.length > 0) process.exitCode = 1;
  } finally {
    server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** By SIGTERM, or because the runner is gone without having said so. */
function stopRequested(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const runner = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== runner) resolve();
  }, 1000);
  process.once('SIGTERM', resolve);
  return promise.finally(() => clearInterval(timer));
}

async function startReferenceServer(
  messageReceiveLimit: number,
): Promise<{ readonly port: number; stop(): void }> {
  const child = spawn(referenceServer, ['-port', '0'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const request = [
    numberField(REQUEST.protocol, PROTOCOL_GRPC),
    numberField(REQUEST.httpVersion, HTTP_VERSION_2),
    numberField(REQUEST.messageReceiveLimit, messageReceiveLimit),
  ];
  child.stdin.end(withLength(Buffer.concat(request)));
  const response = readFields(await readMessage(child.stdout));
  return { port: response.numbers.get(RESPONSE.port) ?? 0, stop: () => child.kill('SIGTERM') };
}

function writeCredentials(
  folder: string,
  credentials: Buffer,
): { readonly certFile: string; readonly keyFile: string; readonly pem: Buffer } {
  const { bytes } = readFields(credentials);
  const pem = bytes.get(CREDENTIALS.certificate) ?? Buffer.alloc(0);
  const certFile = join(folder, 'given.crt');
  const keyFile = join(folder, 'given.key');
  writeFileSync(certFile, pem);
  writeFileSync(keyFile, bytes.get(CREDENTIALS.key) ?? '', { mode: 0o600 });
  return { certFile, keyFile, pem };
}

function answer(port: number, certificate: Buffer | undefined): Buffer {
  const fields = [bytesField(RESPONSE.host, Buffer.from('127.0.0.1')), numberField(RESPONSE.port, port)];
  if (certificate !== undefined) fields.push(bytesField(RESPONSE.certificate, certificate));
  return Buffer.concat(fields);
}

await main();
