// Creates development certificates in this folder: a certificate authority and a server certificate that it signs.
// `npm run certs` runs it, and `npm start` if there are no certificates. Existing files are kept unless --force is given.

import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { generate } from 'selfsigned';

export interface GeneratedCertificates {
  /** False if a server certificate and its key existed already. Nothing was changed in that case. */
  readonly isCreated: boolean;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** The longest validity that Apple's systems accept from an authority that was added by hand. */
const validityDays = 825;
const dayMs = 24 * 60 * 60 * 1000;

// Every TLS library accepts this algorithm and size, and signing is several times cheaper than with RSA.
const keyOptions = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/**
 * Writes ca.crt, server.crt and server.key into `folder`. The authority's key is discarded after signing, because a machine that
 * trusts ca.crt would trust everything that key signs, for any name, and creating all three files again is just as easy.
 */
export async function generateCertificates(
  folder: string,
  options: { readonly force?: boolean } = {},
): Promise<GeneratedCertificates> {
  const files = {
    caFile: join(folder, 'ca.crt'),
    certFile: join(folder, 'server.crt'),
    keyFile: join(folder, 'server.key'),
  };
  if (options.force !== true) {
    const [hasCa, hasCert, hasKey] = await Promise.all(Object.values(files).map(exists));
    if (hasCert && hasKey) return { ...files, isCreated: false };
    if (hasCa || hasCert || hasKey) throw new Error(incompleteText(folder, { hasCert, hasKey }));
  }
  const { ca, server } = await createPair();
  await mkdir(folder, { recursive: true });
  // The key is written last, so that when it exists, the other two files exist too.
  await write(files.caFile, ca.cert, 0o644);
  await write(files.certFile, server.cert, 0o644);
  await write(files.keyFile, server.private, 0o600);
  return { ...files, isCreated: true };
}

async function createPair() {
  // The certificates are valid from an hour ago, for clients whose clock is slow.
  const notBeforeDate = new Date(Date.now() - 60 * 60 * 1000);
  const notAfterDate = new Date(notBeforeDate.getTime() + validityDays * dayMs);
  // The time of creation distinguishes authorities in a trust store, and a replaced one from its successor.
  const madeOn = new Date().toISOString().slice(0, 19);
  const ca = await generate([{ name: 'commonName', value: `Framegate development CA ${madeOn}` }], {
    ...keyOptions,
    notBeforeDate,
    notAfterDate,
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...keyOptions,
    notBeforeDate,
    notAfterDate,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 2, value: 'grpc.example.com' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { ca, server };
}

function incompleteText(
  folder: string,
  found: { readonly hasCert: boolean; readonly hasKey: boolean },
): string {
  const missing = [found.hasCert ? '' : 'server.crt', found.hasKey ? '' : 'server.key'].filter(Boolean);
  return `${folder} holds some of ca.crt, server.crt and server.key but not ${missing.join(' and ')}; put it there, remove the others, or replace all with: npm run certs -- --force`;
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}

/** Removes the file first, because `mode` applies only to a file that is created. */
async function write(file: string, contents: string, mode: number): Promise<void> {
  await rm(file, { force: true });
  await writeFile(file, contents.endsWith('\n') ? contents : `${contents}\n`, { mode, flag: 'wx' });
}

function show(file: string): string {
  return relative(process.cwd(), file);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { force: { type: 'boolean', default: false } } });
  const result = await generateCertificates(import.meta.dirname, { force: values.force });
  if (!result.isCreated) {
    console.log(`${show(result.certFile)} and ${show(result.keyFile)} are there already and were kept.`);
    console.log('Replace them with: npm run certs -- --force');
    return;
  }
  console.log(`${show(result.caFile)}      the authority: clients trust this one; its key was not kept`);
  console.log(
    `${show(result.certFile)}  for localhost, grpc.example.com, 127.0.0.1 and ::1; ${validityDays} days`,
  );
  console.log(`${show(result.keyFile)}  its key; keep it to yourself`);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename) {
  try {
    await main();
  } catch (error) {
    console.error(`certs: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
