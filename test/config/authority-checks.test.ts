// Files of authorities by which no certificate could be accepted are errors, and what is of no use in them is a warning. Each verdict is
// compared with what OpenSSL accepts.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { generate, type SelfsignedOptions } from 'selfsigned';
import { judgeAuthorities } from '../../src/config/authority-checks.ts';

const DAY_MS = 86_400_000;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

async function make(name: string, isAuthority: boolean, signer?: Pair): Promise<Pair> {
  const options: SelfsignedOptions = {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: isAuthority
      ? [
          { name: 'basicConstraints', cA: true, critical: true },
          { name: 'keyUsage', keyCertSign: true, critical: true },
        ]
      : [
          { name: 'basicConstraints', cA: false },
          { name: 'keyUsage', digitalSignature: true },
          { name: 'extKeyUsage', clientAuth: true, serverAuth: true },
        ],
    ...(signer && { ca: { cert: signer.cert, key: signer.key } }),
  };
  const pems = await generate([{ name: 'commonName', value: name }], options);
  return { cert: `${pems.cert.trim()}\n`, key: `${pems.private.trim()}\n` };
}

const root = await make('root', true);
const branch = await make('branch', true, root);
const client = await make('client', false, branch);
const other = await make('other', false, root);
const alone = await make('alone', false);

function said(pem: string, nowEpochMs = Date.now()): readonly string[] {
  return judgeAuthorities(Buffer.from(pem), 'ca.pem', nowEpochMs).map(
    ({ severity, message, hint = '' }) => `${severity}: ${message} (${hint})`,
  );
}

/** Whether a client with this certificate, and the one that has signed it, is accepted. */
async function isAccepted(authorities: string, { cert, key }: Pair, chain = ''): Promise<boolean> {
  const server = createServer({
    ...alone,
    ca: authorities,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const { port } = address;
  const accepted = new Promise<boolean>((resolve) => {
    server.once('secureConnection', ({ authorized }) => resolve(authorized));
  });
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, cert: cert + chain, key });
  const isAuthorized = await accepted;
  socket.destroy();
  server.close();
  return isAuthorized;
}

test('the certificates of authorities up to the root are fine, and so is one that is signed by itself', async () => {
  for (const pem of [root.cert, root.cert + branch.cert]) {
    assert.deepEqual(said(pem), []);
    assert.equal(await isAccepted(pem, client, branch.cert), true);
  }
  assert.deepEqual(said(alone.cert), []);
  assert.equal(await isAccepted(alone.cert, alone), true);
});

test('a certificate of a client is no authority, and accepts nobody', async () => {
  assert.deepEqual(said(client.cert), [
    'error: ca.pem holds the certificate of CN=client, which is no authority: no certificate could be accepted (name the file with the certificate of the authority that has signed those of the other side)',
  ]);
  assert.equal(await isAccepted(client.cert, client, branch.cert), false);
  assert.deepEqual(said(root.cert + other.cert), [
    'warning: ca.pem holds the certificate of CN=other, which is no authority: nothing is accepted because of it (remove it; the certificates of the other side are verified by those that have signed them)',
  ]);
});

test('an authority whose own authority is missing accepts nobody', async () => {
  const hint = 'add the certificates of its authorities up to the one that is signed by itself';
  assert.deepEqual(said(branch.cert + client.cert), [
    `error: ca.pem lacks CN=root, which has signed CN=branch: no certificate could be accepted (${hint})`,
  ]);
  assert.equal(await isAccepted(branch.cert, client), false);
  assert.equal(await isAccepted(branch.cert, client, branch.cert), false);
  assert.deepEqual(said(alone.cert + branch.cert), [
    `warning: ca.pem holds the certificate of CN=branch, and lacks CN=root, which has signed it: nothing is accepted because of it (${hint}, or remove it)`,
  ]);
});

test('a private key does not belong into the file', () => {
  assert.deepEqual(said(root.cert + root.key), [
    'warning: ca.pem holds a private key beside the certificates, which nothing here needs (remove it: whoever can read this file can use it, to sign certificates if it is that of an authority)',
  ]);
  assert.deepEqual(said(root.key), [
    'error: ca.pem is a private key, and no certificate (name the file with the certificates of the authorities; it needs no key)',
  ]);
});

test('a certificate that cannot be read is an error wherever it stands, since those behind it do not count', () => {
  const broken = root.cert.replace(/\n.{64}\n/, '\nAAAA\n');
  assert.deepEqual(said(root.cert + broken + branch.cert), [
    'error: certificate 2 of 3 in ca.pem cannot be read (remove it, or copy it from its authority again)',
  ]);
  assert.deepEqual(said(broken), ['error: ca.pem is not a certificate (it must be in PEM form)']);
  assert.deepEqual(said(root.cert.trim() + branch.cert), [
    'error: ca.pem has an END and a BEGIN in one line, which OpenSSL does not read (write each -----BEGIN at the start of a line)',
  ]);
  assert.deepEqual(said('nothing'), ['error: ca.pem is not a certificate (it must be in PEM form)']);
});

test('a certificate that has expired is a warning with its name', () => {
  const [expired] = said(root.cert, Date.now() + 4000 * DAY_MS);
  assert.match(expired, /^warning: CN=root in ca\.pem expired at /);
});
