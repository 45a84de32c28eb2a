// What the TLS cases work with: an authority that is an OCSP responder as well, two certificates of it, and Framegate with
// a listener for each policy. All by openssl, as an operator would do it.

import { mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReportingChild } from '../../child-process.ts';
import { FramegateProcess } from '../../framegate-process.ts';
import { lastLines, type ProgramResult, runProgram } from '../program.ts';

const timeoutMs = 60_000;
const keyOptions = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export type ListenerName = 'tls' | 'strict' | 'rsa';

export class TlsBench {
  readonly folder: string;
  #framegate: FramegateProcess | undefined = undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async start(parent: string): Promise<TlsBench> {
    const bench = new TlsBench(mkdtempSync(join(parent, 'tls-')));
    await bench.#makeAuthority();
    await bench.#makeCertificate('one.test', keyOptions);
    await bench.#makeCertificate('two.test', keyOptions);
    await bench.#makeCertificate('rsa.test', ['-newkey', 'rsa:2048', '-nodes']);
    for (const name of ['one.test', 'two.test']) await bench.respond(name);
    bench.#framegate = await FramegateProcess.launch(parent, bench.#configuration(), keepNot);
    return bench;
  }

  get framegate(): FramegateProcess {
    if (this.#framegate === undefined) throw new Error('Framegate has not been started');
    return this.#framegate;
  }

  async stop(): Promise<readonly string[]> {
    return this.framegate.stop();
  }

  address(listener: ListenerName): string {
    return this.framegate.addressOf(listener);
  }

  port(listener: ListenerName): number {
    return Number(this.address(listener).split(':').at(-1));
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** The responder's answer about a certificate, put where Framegate reads it. */
  async respond(name: string, validity: readonly string[] = ['-ndays', '2']): Promise<void> {
    const responder = ['-index', 'index.txt', '-rsigner', 'ca.crt', '-rkey', 'ca.key', '-CA', 'ca.crt'];
    const about = ['-issuer', 'ca.crt', '-cert', `${name}.leaf.crt`, '-no_nonce'];
    await this.openssl('ocsp', ...responder, ...about, ...validity, '-respout', `${name}.der.new`);
    renameSync(this.file(`${name}.der.new`), this.file(`${name}.der`));
  }

  /** `openssl s_client` that says nothing and hangs up, or says `input`. */
  async connect(listener: ListenerName, args: readonly string[], input = ''): Promise<string> {
    const all = ['s_client', '-connect', this.address(listener), '-CAfile', 'ca.crt', ...args];
    const { stdout, stderr } = await runProgram('openssl', {
      args: all,
      cwd: this.folder,
      input,
      timeoutMs,
    });
    return `${stdout}\n${stderr}`;
  }

  async openssl(...args: readonly string[]): Promise<ProgramResult> {
    const result = await runProgram('openssl', { args, cwd: this.folder, timeoutMs });
    if (result.ended !== 0) throw new Error(`openssl ${args[0]}: ${lastLines(result)}`);
    return result;
  }

  async #makeAuthority(): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(this.file('index.txt'), '');
    writeFileSync(this.file('index.txt.attr'), 'unique_subject = no\n');
    const subject = ['-subj', '/CN=Framegate interop authority', '-days', '30'];
    await this.openssl('req', '-x509', ...keyOptions, ...subject, '-keyout', 'ca.key', '-out', 'ca.crt');
  }

  /** The certificate with its issuer behind it, as servers want it, and an entry in the responder's index. */
  async #makeCertificate(name: string, keyArgs: readonly string[]): Promise<void> {
    const [key, request, leaf] = [`${name}.key`, `${name}.csr`, `${name}.leaf.crt`];
    await this.openssl('req', ...keyArgs, '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
    writeFileSync(this.file(`${name}.ext`), `subjectAltName = DNS:${name}\n`);
    const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30'];
    await this.openssl('x509', '-req', '-in', request, ...signer, '-extfile', `${name}.ext`, '-out', leaf);
    const { stdout } = await this.openssl('x509', '-in', leaf, '-noout', '-serial');
    const serial = stdout.trim().replace('serial=', '');
    const entry = ['V', '491231235959Z', '', serial, 'unknown', `/CN=${name}`].join('\t');
    writeFileSync(this.file('index.txt'), `${entry}\n`, { flag: 'a' });
    const chain = await this.openssl('x509', '-in', leaf);
    const issuer = await this.openssl('x509', '-in', 'ca.crt');
    writeFileSync(this.file(`${name}.crt`), `${chain.stdout}${issuer.stdout}`);
  }

  #configuration(): string {
    const files = (name: string) => `cert: ${this.#quoted(name, 'crt')}, key: ${this.#quoted(name, 'key')}`;
    const stapled = (name: string) => `{ ${files(name)}, ocsp: ${this.#quoted(name, 'der')} }`;
    const certificates = `[${stapled('one.test')}, ${stapled('two.test')}]`;
    const rsa = `{ ${files('rsa.test')} }`;
    return `# Written by the interop suite.
listeners:
  - { name: tls, address: "127.0.0.1:0", tls: { certificates: ${certificates} } }
  - { name: strict, address: "127.0.0.1:0", tls: { certificates: ${certificates}, unknownServerName: refuse } }
  - { name: rsa, address: "127.0.0.1:0", tls: { certificates: [${rsa}] } }
  - { name: plaintext, address: "127.0.0.1:0" }
routes:
  - match: { path: /* }
    upstream: nobody
upstreams:
  nobody: { endpoints: ["127.0.0.1:1"] }
reload: { certificates: 100ms }
drain: { timeout: 5s }
admin: off
`;
  }

  #quoted(name: string, extension: string): string {
    return JSON.stringify(this.file(`${name}.${extension}`));
  }
}

function keepNot(_child: ReportingChild): void {
  // `stop` ends the one there is.
}
